// SPDX-License-Identifier: GPL-2.0
/*
 * A system that has something to do; see workload.h.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "session.h"
#include "workload.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define CANNOT (-1) /* rounds of a part that cannot be done here */

static void programs(long *rounds);
static void files_in_memory(long *rounds);
static void files_on_disk(long *rounds);
static void files_of_the_system(long *rounds);
static void tcp(long *rounds);
static void udp(long *rounds);
static void pings(long *rounds);
static void modules(long *rounds);

static const struct part {
	const char *name;
	void (*run)(long *rounds);
} parts[] = {
	{ "programs", programs },
	{ "files in memory", files_in_memory },
	{ "files on a disk", files_on_disk },
	{ "files of the system", files_of_the_system },
	{ "TCP", tcp },
	{ "UDP", udp },
	{ "pings", pings },
	{ "modules", modules },
};

/* Shared by all. */
static struct {
	volatile int stop;
	long rounds[ARRAY_SIZE(parts)];
} * shared;

static int pids[ARRAY_SIZE(parts)];

/* Seconds, for an answer in a guest that is emulated, beside others. */
static unsigned int patience_s(void)
{
	return ktest_patience(300);
}

static bool stopped(void)
{
	return shared->stop;
}

static void run_part(void *arg)
{
	const struct part *part = arg;

	drop_inherited(-1);
	part->run(&shared->rounds[part - parts]);
}

void workload_start(void)
{
	unsigned int i;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(shared != MAP_FAILED);
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		pids[i] = ktest_fork(run_part, (void *)&parts[i]);
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		uint64_t end = ktest_ms() + 1000 * patience_s();

		while (!*(volatile long *)&shared->rounds[i]) {
			if (ktest_ms() > end)
				FAIL("'%s' does not begin", parts[i].name);
			usleep(10000);
		}
	}
}

void workload_end(void)
{
	unsigned int i;

	shared->stop = 1;
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		long rounds;

		ktest_join(pids[i]);
		rounds = shared->rounds[i];
		if (rounds == CANNOT)
			continue;
		ktest_diag("%s: %ld rounds", parts[i].name, rounds);
		if (!rounds)
			FAIL("no round of '%s'", parts[i].name);
	}
}

/*
 * Programs
 */

static void wait_for_all(void)
{
	int status;

	while (wait(&status) > 0 || errno == EINTR)
		;
}

/* Children that write to what they share with us, and some that run a program. */
static void programs(long *rounds)
{
	static char memory[64 * 4096];
	unsigned int i;

	for (; !stopped(); ++*rounds) {
		for (i = 0; i < 8; i++) {
			int pid = SYS(fork());

			if (pid)
				continue;
			memset(memory, i, sizeof(memory));
			if (i % 2)
				execl("/bin/true", "true", NULL);
			_exit(0);
		}
		wait_for_all();
		if (system("cat /proc/self/maps /proc/*/stat /proc/*/status "
			   "2>/dev/null | sort | tail -n 1 >/dev/null"))
			continue;
	}
}

/*
 * Files
 */

#define FILE_SIZE 65536

static void fill(char *data, size_t size, unsigned int seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		data[i] = (char)(i * 7 + i / 251 + seed);
}

static void write_all(int fd, const char *data, size_t size)
{
	while (size) {
		size_t piece = size < 5000 ? size : 5000;
		ssize_t n = SYS(write(fd, data, piece));

		data += n;
		size -= n;
	}
}

static void read_back(const char *path, const char *expected)
{
	static char data[FILE_SIZE];
	int fd = SYS(open(path, O_RDWR | O_CLOEXEC));
	char *map;

	CHECK_EQ(SYS(pread(fd, data, sizeof(data), 0)), FILE_SIZE);
	if (memcmp(data, expected, FILE_SIZE))
		FAIL("%s: other data than was written", path);
	map = mmap(NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	REQUIRE(map != MAP_FAILED);
	map[1234]++;
	SYS(msync(map, FILE_SIZE, MS_SYNC));
	SYS(pread(fd, data, 1, 1234));
	CHECK_EQ(data[0], (char)(expected[1234] + 1));
	SYS(munmap(map, FILE_SIZE));
	SYS(close(fd));
}

static unsigned int count_entries(const char *path)
{
	struct dirent *entry;
	unsigned int n = 0;
	DIR *dir = opendir(path);

	REQUIRE(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* In the current directory, which is empty. */
static void files_round(unsigned int seed)
{
	static char data[FILE_SIZE];
	struct stat st;
	int fd;

	fill(data, sizeof(data), seed);
	SYS(mkdir("dir", 0700));
	fd = SYS(
		open("dir/new", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
	write_all(fd, data, sizeof(data));
	SYS(fsync(fd));
	SYS(fstat(fd, &st));
	CHECK_EQ(st.st_size, FILE_SIZE);
	SYS(close(fd));
	SYS(rename("dir/new", "dir/old"));
	SYS(symlink("old", "dir/symbolic"));
	SYS(link("dir/old", "dir/hard"));
	CHECK_EQ(count_entries("dir"), 3);
	read_back("dir/symbolic", data);
	SYS(truncate("dir/hard", 100));
	SYS(stat("dir/old", &st));
	CHECK_EQ(st.st_size, 100);
	SYS(unlink("dir/hard"));
	SYS(unlink("dir/symbolic"));
	SYS(unlink("dir/old"));
	SYS(rmdir("dir"));
}

static void files_in_memory(long *rounds)
{
	char dir[] = "/tmp/workload.XXXXXX";

	REQUIRE(mkdtemp(dir));
	SYS(chdir(dir));
	for (; !stopped(); ++*rounds)
		files_round(*rounds);
	SYS(chdir("/"));
	SYS(rmdir(dir));
}

/*
 * A file system of its own, since nothing but memory can be written to in our
 * guests. It goes when the process does.
 */
static bool mount_disk(const char *dir)
{
	static const char command[] =
		"modprobe -q loop; truncate -s 48M image && "
		"mkfs.ext4 -q -F image >/dev/null 2>&1 && mkdir disk && "
		"mount -o loop image disk 2>/dev/null && rm image || "
		"{ rm -rf image disk; false; }";

	SYS(chdir(dir));
	SYS(unshare(CLONE_NEWNS));
	SYS(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	return !system(command) && !chdir("disk");
}

static void files_on_disk(long *rounds)
{
	char dir[] = "/tmp/workload.XXXXXX";

	REQUIRE(mkdtemp(dir));
	if (!mount_disk(dir)) {
		ktest_diag("no disk: cannot mount an ext4 image here");
		*rounds = CANNOT;
	} else {
		for (; !stopped(); ++*rounds)
			files_round(*rounds);
	}
	SYS(chdir("/"));
	if (*rounds != CANNOT) {
		char disk[PATH_MAX];

		snprintf(disk, sizeof(disk), "%s/disk", dir);
		SYS(umount(disk));
		SYS(rmdir(disk));
	}
	SYS(rmdir(dir));
}

/* What is read has to come from the disk: its pages are dropped before. */
static void files_of_the_system(long *rounds)
{
	static char data[65536];
	struct dirent *entry;
	DIR *dir = opendir("/usr/bin");

	REQUIRE(dir);
	while (!stopped()) {
		int fd;

		entry = readdir(dir);
		if (!entry) {
			rewinddir(dir);
			continue;
		}
		if (entry->d_type != DT_REG)
			continue;
		fd = SYS(openat(dirfd(dir), entry->d_name,
				O_RDONLY | O_CLOEXEC));
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		while (!stopped() && SYS(read(fd, data, sizeof(data))) > 0)
			;
		SYS(close(fd));
		++*rounds;
	}
	closedir(dir);
}

/*
 * Network
 */

#define MESSAGE 40000 /* does not fit into a packet */

static int local_socket(int type, struct sockaddr_in *addr)
{
	int fd = SYS(socket(AF_INET, type | SOCK_CLOEXEC, 0));
	struct timeval patience = { .tv_sec = patience_s() };
	socklen_t len = sizeof(*addr);

	*addr = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	SYS(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)));
	SYS(bind(fd, (struct sockaddr *)addr, sizeof(*addr)));
	SYS(getsockname(fd, (struct sockaddr *)addr, &len));
	return fd;
}

static bool wait_readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return SYS(poll(&pfd, 1, 100)) > 0;
}

/* Servers stop after their clients, who would wait for an answer. */
static void end_server(int pid)
{
	int status;

	SYS(kill(pid, SIGKILL));
	SYS(waitpid(pid, &status, 0));
	if (!WIFSIGNALED(status))
		FAIL("a server ended by itself");
}

/* Sends back what comes, connection by connection. */
static void tcp_serve(void *arg)
{
	static char data[MESSAGE];
	int fd = *(int *)arg;

	for (;;) {
		int client;
		ssize_t n;

		if (!wait_readable(fd))
			continue;
		client = SYS(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
		while ((n = SYS(recv(client, data, sizeof(data), 0))) > 0)
			SYS(send(client, data, n, MSG_NOSIGNAL));
		SYS(close(client));
	}
}

static void tcp(long *rounds)
{
	static char data[MESSAGE], answer[MESSAGE];
	struct sockaddr_in addr, own;
	int fd = local_socket(SOCK_STREAM, &addr), server;

	SYS(listen(fd, 8));
	server = ktest_fork(tcp_serve, &fd);
	SYS(close(fd));
	for (; !stopped(); ++*rounds) {
		fill(data, sizeof(data), *rounds);
		fd = local_socket(SOCK_STREAM, &own);
		SYS(connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
		CHECK_EQ(SYS(send(fd, data, sizeof(data), MSG_NOSIGNAL)),
			 MESSAGE);
		CHECK_EQ(SYS(recv(fd, answer, sizeof(answer), MSG_WAITALL)),
			 MESSAGE);
		if (memcmp(data, answer, sizeof(data)))
			FAIL("TCP: another answer");
		SYS(close(fd));
	}
	end_server(server);
}

static void udp_serve(void *arg)
{
	static char data[MESSAGE];
	int fd = *(int *)arg;

	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n;

		if (!wait_readable(fd))
			continue;
		n = SYS(recvfrom(fd, data, sizeof(data), 0,
				 (struct sockaddr *)&from, &len));
		SYS(sendto(fd, data, n, 0, (struct sockaddr *)&from, len));
	}
}

static void udp(long *rounds)
{
	static char data[MESSAGE], answer[MESSAGE];
	struct sockaddr_in addr, own;
	int server_fd = local_socket(SOCK_DGRAM, &addr);
	int fd = local_socket(SOCK_DGRAM, &own);
	int server = ktest_fork(udp_serve, &server_fd);

	SYS(close(server_fd));
	while (!stopped()) {
		unsigned int size = *rounds % 4 ? 500 : MESSAGE;

		fill(data, size, *rounds);
		SYS(sendto(fd, data, size, 0, (struct sockaddr *)&addr,
			   sizeof(addr)));
		/* A datagram may be lost. */
		if (!wait_readable(fd))
			continue;
		SYS(recv(fd, answer, sizeof(answer), 0));
		if (answer[0] == data[0] && memcmp(data, answer, size))
			FAIL("UDP: another answer");
		++*rounds;
	}
	end_server(server);
}

static void pings(long *rounds)
{
	if (system("ping -V >/dev/null 2>&1")) {
		ktest_diag("no pings: no ping here");
		*rounds = CANNOT;
		return;
	}
	for (; !stopped(); ++*rounds)
		if (system("ping -q -c 20 -i 0.01 -W 20 127.0.0.1 >/dev/null"))
			FAIL("ping: no answer");
}

/*
 * Modules
 */

/* Small ones that nobody uses, and that find nothing to drive. */
static const char *const stock[] = { "dummy", "ifb", "veth", "tun" };

static int try_modprobe(const char *module)
{
	char command[64];

	snprintf(command, sizeof(command), "modprobe -q %s", module);
	return system(command);
}

static const char *find_module(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(stock); i++) {
		if (module_refcount(stock[i]) >= 0 || try_modprobe(stock[i]))
			continue;
		/* What is built in can be loaded, too, and is never there. */
		if (module_refcount(stock[i]) >= 0 && !try_rmmod(stock[i]))
			return stock[i];
	}
	return NULL;
}

static void modules(long *rounds)
{
	const char *module = find_module();
	uint64_t end;
	int err;

	if (!module) {
		ktest_diag(
			"no modules: none of dummy, ifb, veth and tun can be loaded and unloaded here");
		*rounds = CANNOT;
		return;
	}
	for (; !stopped(); ++*rounds) {
		if (try_modprobe(module))
			FAIL("modprobe %s failed", module);
		end = ktest_ms() + 1000 * patience_s();
		while ((err = try_rmmod(module))) {
			if (ktest_ms() > end)
				FAIL("rmmod %s: %s", module, strerror(-err));
			usleep(1000);
		}
	}
}
