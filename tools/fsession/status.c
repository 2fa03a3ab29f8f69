// SPDX-License-Identifier: GPL-2.0
/*
 * fsession status: what can run sessions here, is it well, and which sessions
 * has the module.
 */
#include <errno.h>
#include <getopt.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fsession.h"

struct row {
	struct fsession_info info;
	char target[NAME_MAX_LEN];
	char prog[BPF_OBJ_NAME_LEN];
	char comm[32];
};

/* The program's name; a dead program's id has none. */
static void read_prog_name(uint32_t id, char *name, size_t len)
{
	struct bpf_prog_info info = {};
	uint32_t info_len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(id);

	snprintf(name, len, "?");
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &info_len))
		snprintf(name, len, "%.*s", (int)sizeof(info.name), info.name);
	close(fd);
}

/* The owner's name, if it is still there. */
static void read_comm(uint32_t pid, char *comm, size_t len)
{
	char path[64];
	FILE *f;

	snprintf(comm, len, "?");
	snprintf(path, sizeof(path), "/proc/%u/comm", pid);
	f = pid ? fopen(path, "re") : NULL;
	if (!f)
		return;
	if (fgets(comm, len, f))
		comm[strcspn(comm, "\n")] = '\0';
	fclose(f);
}

/* Returns 0 with the session after *@id in @row, or -ENOENT. */
static int next_row(uint32_t *id, struct row *row)
{
	int err;

	row->info.size = sizeof(row->info);
	err = libfsession_next_session(id, &row->info, row->target,
				       sizeof(row->target));
	if (err)
		return err;
	read_prog_name(row->info.prog_id, row->prog, sizeof(row->prog));
	read_comm(row->info.owner_pid, row->comm, sizeof(row->comm));
	return 0;
}

static const char *state_name(uint32_t state)
{
	switch (state) {
	case FSESSION_STATE_LIVE:
		return "live";
	case FSESSION_STATE_DRAINING:
		return "draining";
	default:
		return "?";
	}
}

static void print_row(const struct row *row)
{
	const struct fsession_info *i = &row->info;
	char prog[64], owner[64];

	snprintf(prog, sizeof(prog), "%u %s", i->prog_id, row->prog);
	snprintf(owner, sizeof(owner), "%u %s", i->owner_pid, row->comm);
	print("%5u  %-8s  %-22s  %-22s  %12llu  %12llu  %8llu  %8llu  %s",
	      i->id, state_name(i->state), prog, owner, i->entries, i->exits,
	      i->misses, i->inside, row->target);
	if (i->sites > 1)
		printf(" and %u more", i->sites - 1);
	putchar('\n');
}

static void print_heading(void)
{
	printf("%5s  %-8s  %-22s  %-22s  %12s  %12s  %8s  %8s  %s\n", "ID",
	       "STATE", "PROGRAM", "OWNER", "ENTRIES", "EXITS", "MISSES",
	       "INSIDE", "TARGET");
}

static void json_row(struct json *j, const struct row *row)
{
	const struct fsession_info *i = &row->info;

	json_open(j, NULL, '{');
	json_u64(j, "id", i->id);
	json_str(j, "state", state_name(i->state));
	json_u64(j, "prog_id", i->prog_id);
	json_str(j, "prog", row->prog);
	json_str(j, "target", row->target);
	json_u64(j, "owner_pid", i->owner_pid);
	json_str(j, "owner", row->comm);
	json_u64(j, "attach_cookie", i->attach_cookie);
	json_u64(j, "sites", i->sites);
	json_u64(j, "calls", i->calls);
	json_u64(j, "entries", i->entries);
	json_u64(j, "exits", i->exits);
	json_u64(j, "misses", i->misses);
	json_u64(j, "inside", i->inside);
	json_u64(j, "dropped", i->dropped);
	json_u64(j, "abandoned", i->abandoned);
	json_close(j, '}');
}

static int list_sessions(struct json *j)
{
	uint32_t id = 0;
	struct row row;
	bool any = false;
	int err;

	if (j)
		json_open(j, "sessions", '[');
	while (!(err = next_row(&id, &row))) {
		if (j) {
			json_row(j, &row);
			continue;
		}
		if (!any)
			print_heading();
		any = true;
		print_row(&row);
	}
	if (j)
		json_close(j, ']');
	if (err == -ENOENT)
		return 0;
	say("list sessions: %s", strerror(-err));
	return err;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int drain(unsigned int ms)
{
	const long long until = now_ms() + ms;
	int err;

	/* Whoever stops us for a while does not mean to end the wait. */
	while ((err = libfsession_drain(ms)) == -EINTR)
		ms = until > now_ms() ? until - now_ms() : 0;
	if (err == -ETIMEDOUT) {
		say("sessions are still draining");
		hint("a call inside a traced function holds each of them; see INSIDE");
	} else if (err) {
		say("wait for draining sessions: %s", strerror(-err));
	}
	return err;
}

/*
 * Waits for what the module, which answered with @query_err, has that drains.
 * Returns 0, or a negative errno, said.
 */
static int wait_for_module(int query_err, unsigned int ms)
{
	if (!query_err || access("/sys/module/fsession", F_OK))
		return drain(ms);
	say("cannot wait for draining sessions: the module does not answer: %s",
	    strerror(-query_err));
	return query_err;
}

static void print_health(const struct fsession_query *q, bool loaded,
			 bool healthy)
{
	if (!loaded) {
		printf("module not loaded or out of reach\n");
		return;
	}
	printf("module %.*s, ABI %u, %s: %u live, %u draining\n",
	       (int)sizeof(q->version), q->version, q->abi_version,
	       healthy ? "healthy" : "NOT HEALTHY", q->live, q->draining);
}

static void json_health(struct json *j, const struct fsession_query *q,
			bool loaded, bool healthy)
{
	json_bool(j, "loaded", loaded);
	json_bool(j, "healthy", healthy);
	if (!loaded)
		return;
	json_string(j, "version", q->version,
		    strnlen(q->version, sizeof(q->version)));
	json_u64(j, "abi_version", q->abi_version);
	json_u64(j, "features", q->features);
	json_u64(j, "max_sessions", q->max_sessions);
	json_u64(j, "live", q->live);
	json_u64(j, "draining", q->draining);
}

static void print_backend(int backend, bool native, bool loaded)
{
	printf("backend %s; the kernel has %s fsession of its own",
	       backend < 0 ? "none" : libfsession_backend_string(backend),
	       native ? "an" : "no");
	if (backend == FSESSION_BACKEND_NATIVE && loaded)
		printf(", the module is not needed");
	putchar('\n');
}

static void json_backend(struct json *j, int backend, bool native)
{
	if (backend < 0)
		json_str(j, "backend", "none");
	else
		json_str(j, "backend", libfsession_backend_string(backend));
	json_bool(j, "native", native);
}

int cmd_status(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "wait", required_argument, NULL, 'w' },
		{ "verbose", no_argument, NULL, 'v' },
		{}
	};
	struct fsession_query query = { .size = sizeof(query) };
	struct json json = { .f = stdout };
	long long wait_ms = -1;
	bool as_json = false, loaded, healthy, native;
	int c, err, backend, failed = 0;

	while ((c = getopt_long(argc, argv, "jw:v", options, NULL)) != -1) {
		switch (c) {
		case 'j':
			as_json = true;
			break;
		case 'w':
			wait_ms = parse_seconds(optarg);
			if (wait_ms < 0)
				return usage_error("status: bad --wait '%s'",
						   optarg);
			break;
		case 'v':
			verbose++;
			break;
		default:
			return usage_error(NULL);
		}
	}
	if (optind < argc)
		return usage_error("status: what is '%s'?", argv[optind]);

	/* What is wrong goes to stderr, in the library's words. */
	err = libfsession_probe();
	libfsession_set_print(NULL); /* it has been said by now */
	backend = libfsession_backend();
	native = libfsession_probe_backend(FSESSION_BACKEND_NATIVE) !=
		 -EOPNOTSUPP;
	healthy = backend == FSESSION_BACKEND_MODULE
			  ? !err
			  : !libfsession_probe_backend(FSESSION_BACKEND_MODULE);
	/* Sessions drain whether or not another one could be attached. */
	if (wait_ms >= 0 && wait_for_module(libfsession_query(&query), wait_ms))
		failed = 1;
	loaded = libfsession_query(&query) == 0;

	if (as_json) {
		json_open(&json, NULL, '{');
		json_health(&json, &query, loaded, healthy);
		json_backend(&json, backend, native);
	} else {
		print_health(&query, loaded, healthy);
		print_backend(backend, native, loaded);
	}
	if (loaded) {
		if (list_sessions(as_json ? &json : NULL))
			failed = 1;
	} else if (as_json) {
		json_open(&json, "sessions", '[');
		json_close(&json, ']');
	}
	if (as_json) {
		json_close(&json, '}');
		putchar('\n');
	}
	return err || failed ? 1 : 0;
}
