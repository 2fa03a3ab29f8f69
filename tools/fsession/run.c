// SPDX-License-Identifier: GPL-2.0
/*
 * fsession run: attach the sessions of a BPF object around a command, and say
 * what they have seen.
 *
 * The end has an order. The sessions' counts are read while they are attached,
 * the last that can be known of them; then they are detached, and only then the
 * object's variables are read, when no call gets a run any more. A run that is
 * under way, on another CPU or asleep, is not waited for: what it writes may come
 * too late.
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fsession.h"

/* How long to read bpf_printk() lines after the end of the command. */
#define DRAIN_MS 2000

/* How long a line may stay unread if the kernel does not wake us. */
#define POLL_MS 100

struct session {
	const struct bpf_program *prog;
	struct fsession_link *link;
	struct fsession_info info;
	enum fsession_backend backend;
	uint64_t runs; /* native only; 0 when nobody counts */
	char target[NAME_MAX_LEN];
};

struct run {
	const char *path;
	const char **names; /* --prog */
	size_t name_cnt;
	const char *test_run;
	unsigned long repeat;
	long long duration_ms;
	bool json;
	struct selection on; /* for programs on many functions */
	bool skip;
	bool dry_run;
	char **command;

	struct bpf_object *obj;
	struct fsession_targets *targets; /* of @on; NULL: of the sections */
	struct session *sessions;
	size_t session_cnt;
	struct printk *printk;
	struct lines lines;
	struct child child;
	long long end_ms; /* of CLOCK_MONOTONIC; negative: none */
};

static bool is_named(const struct run *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->name_cnt; i++)
		if (!strcmp(r->names[i], name))
			return true;
	return false;
}

static bool is_selected(const struct run *r, const struct bpf_program *prog)
{
	if (!fsession_program__is_session(prog))
		return false;
	if (r->name_cnt)
		return is_named(r, bpf_program__name(prog));
	return bpf_program__autoload(prog);
}

static void hint_programs(const struct run *r)
{
	struct bpf_program *prog;

	hint("its programs are:");
	bpf_object__for_each_program(prog, r->obj)
		hint("  %s, SEC(\"%s\")", bpf_program__name(prog),
		     bpf_program__section_name(prog));
}

static const struct bpf_program *find_program(const struct run *r,
					      const char *name)
{
	const struct bpf_program *prog;

	prog = bpf_object__find_program_by_name(r->obj, name);
	if (!prog) {
		say("'%s' has no program '%s'", r->path, name);
		hint_programs(r);
	}
	return prog;
}

static int check_names(const struct run *r)
{
	const struct bpf_program *prog;
	size_t i;

	for (i = 0; i < r->name_cnt; i++) {
		prog = find_program(r, r->names[i]);
		if (!prog)
			return -ENOENT;
		if (!fsession_program__is_session(prog)) {
			say("program '%s' is from section \"%s\", not from an fsession section",
			    r->names[i], bpf_program__section_name(prog));
			hint("write SEC(\"fsession/FUNCTION\")");
			return -EINVAL;
		}
	}
	if (r->test_run && !find_program(r, r->test_run))
		return -ENOENT;
	return 0;
}

/* Load what will be attached or test-run, and nothing else of the object. */
static int select_programs(struct run *r)
{
	struct bpf_program *prog;
	bool optional = false;
	size_t cnt = 0;
	int err = check_names(r);

	if (err)
		return err;

	bpf_object__for_each_program(prog, r->obj)
		cnt++;
	r->sessions = calloc(cnt + 1, sizeof(*r->sessions));
	if (!r->sessions)
		return -ENOMEM;

	bpf_object__for_each_program(prog, r->obj) {
		const char *name = bpf_program__name(prog);
		bool selected = is_selected(r, prog);

		optional |= fsession_program__is_session(prog);
		if (selected)
			r->sessions[r->session_cnt++].prog = prog;
		else if (verbose)
			say("leaving program '%s' of section \"%s\" alone",
			    name, bpf_program__section_name(prog));
		if (r->test_run && !strcmp(name, r->test_run))
			selected = true;
		bpf_program__set_autoload(prog, selected);
	}
	if (r->session_cnt)
		return 0;
	if (optional)
		say("'%s' has fsession programs of optional sections only, SEC(\"?fsession\"): say which with --prog",
		    r->path);
	else
		say("'%s' has no program in an fsession section", r->path);
	hint_programs(r);
	return -ENOENT;
}

static void keep_line(const char *line, size_t len, void *arg)
{
	struct run *r = arg;

	/* The padding of the task's name says nothing outside a column. */
	while (r->json && len && *line == ' ') {
		line++;
		len--;
	}
	lines_add(&r->lines, line, len);
}

/* At most so much at a time that other events are seen to as well. */
static void show_lines(struct run *r)
{
	int i;

	for (i = 0; r->printk && i < 64; i++) {
		if (lines_full(&r->lines) || !printk_read(r->printk))
			break;
	}
	lines_write(&r->lines);
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/*
 * Read until there is nothing more. Others may print for ever, so not longer
 * than DRAIN_MS.
 */
static void drain_lines(struct run *r)
{
	long long end = now_ms() + DRAIN_MS;

	while (r->printk && printk_read(r->printk)) {
		lines_write(&r->lines);
		if (now_ms() > end) {
			say("bpf_printk() lines come faster than they can be shown; the rest is dropped");
			break;
		}
	}
}

/*
 * Does the section say what the program is written for, and is that of the BTF of
 * what was selected? Then it is verified for that: it may read its context.
 */
static bool section_serves(const struct bpf_program *prog, const char *module)
{
	const char *pattern = strchr(bpf_program__section_name(prog), '/');
	size_t len = module ? strlen(module) : 0;

	if (!pattern)
		return false;
	if (!module)
		return !strchr(pattern, ':');
	return !strncmp(pattern + 1, module, len) && pattern[1 + len] == ':';
}

/* The functions that options name, if they do, are those of all such programs. */
static int select_targets(struct run *r)
{
	bool multi = false;
	size_t i;
	int err;

	for (i = 0; i < r->session_cnt; i++)
		multi |= fsession_program__is_multi(r->sessions[i].prog);
	if (!multi && (selection_any(&r->on) || r->skip || r->dry_run)) {
		say("'%s' has no program for many functions", r->path);
		hint("write SEC(\"fsession.multi\") or SEC(\"fsession.multi/PATTERN\")");
		return -EINVAL;
	}
	if (!selection_any(&r->on))
		return 0;
	r->targets = selection_make(&r->on);
	if (!r->targets)
		return -errno;
	for (i = 0; i < r->session_cnt; i++) {
		if (!fsession_program__is_multi(r->sessions[i].prog) ||
		    section_serves(r->sessions[i].prog, r->on.module))
			continue;
		err = fsession_program__set_targets(
			(struct bpf_program *)r->sessions[i].prog, r->targets);
		if (err)
			return err;
	}
	return 0;
}

static int load(struct run *r)
{
	int err;

	r->obj = bpf_object__open_file(r->path, NULL);
	if (!r->obj) {
		err = -errno;
		say("open '%s': %s", r->path, strerror(-err));
		if (err == -ENOENT)
			hint("ls -l %s", r->path);
		else
			hint("is it a BPF object with BTF? Build it with 'clang -target bpf -O2 -g -c'");
		return err;
	}
	err = select_programs(r);
	if (!err)
		err = select_targets(r);
	if (err)
		return err;
	err = bpf_object__load(r->obj);
	if (err) {
		say("load '%s': %s", r->path, strerror(-err));
		if (err == -EPERM)
			hint("run it as root: 'sudo fsession run ...'");
		else
			hint("the first message above says why; 'fsession -v run ...' shows each step");
	}
	return err;
}

static struct fsession_link *attach_multi(const struct run *r,
					  const struct bpf_program *prog)
{
	const char *pattern = strchr(bpf_program__section_name(prog), '/');
	LIBBPF_OPTS(fsession_multi_opts, opts, .targets = r->targets,
		    .flags = r->skip ? FSESSION_ATTACH_SKIP : 0);

	if (!r->targets && !pattern) {
		fsession_program__attach(prog, NULL); /* says why not */
		hint("or say which: --on PATTERN");
		errno = EINVAL;
		return NULL;
	}
	progress_start("attaching %s", bpf_program__name(prog));
	return fsession_program__attach_multi(
		prog, r->targets ? NULL : pattern + 1, &opts);
}

/* Signals interrupt it; what is attached then is detached. */
static int attach_programs(struct run *r)
{
	size_t i;

	for (i = 0; i < r->session_cnt; i++) {
		struct session *s = &r->sessions[i];
		int err;

		/* Whoever stops us for a while does not mean to end the run. */
		do {
			if (fsession_program__is_multi(s->prog))
				s->link = attach_multi(r, s->prog);
			else
				s->link =
					fsession_program__attach(s->prog, NULL);
			err = s->link ? 0 : -errno;
			progress_stop();
		} while (err == -EINTR && !child_was_interrupted());
		if (err)
			return err;
		s->backend = fsession_link__backend(s->link);
	}
	return 0;
}

static int attach(struct run *r)
{
	int err;

	child_interruptible(&r->child);
	err = attach_programs(r);
	child_uninterruptible(&r->child);
	if (!err && r->child.interrupted) {
		say("interrupted; what was attached is detached");
		err = -EINTR;
	}
	if (err)
		return err;
	if (verbose)
		say("backend %s",
		    libfsession_backend_string(r->sessions[0].backend));
	say("attached %zu session%s", r->session_cnt,
	    r->session_cnt == 1 ? "" : "s");
	return 0;
}

/* What @prog would be attached to; with @j, as an element of an array. */
static int list_functions(const struct run *r, const struct bpf_program *prog,
			  struct json *j)
{
	const char *pattern = strchr(bpf_program__section_name(prog), '/');
	struct selection s = { .patterns = &pattern, .pattern_cnt = 1 };
	struct fsession_targets *set = r->targets;
	int n = -EINVAL;

	if (!set && pattern) {
		pattern++;
		set = selection_make(&s);
	} else if (!set) {
		say("program '%s': its section names no functions",
		    bpf_program__name(prog));
		hint("say which: --on PATTERN");
	}
	if (set) {
		say("program %s:", bpf_program__name(prog));
		n = targets_check(set, prog);
	}
	if (n >= 0 && j) {
		json_open(j, NULL, '{');
		json_str(j, "name", bpf_program__name(prog));
		targets_json(set, j);
		json_close(j, '}');
	} else if (n >= 0) {
		targets_text(set, r->targets ? r->on.module : s.module);
	}
	if (n >= 0)
		targets_sum_up(set, n);
	if (set != r->targets)
		fsession_targets__free(set);
	free(s.module);
	return n < 0 ? n : 0;
}

/*
 * What would be attached to, one program after the other. JSON is one object, and
 * is printed when it is whole.
 */
static int dry_run(const struct run *r)
{
	struct json j = {};
	char *text = NULL;
	size_t i, size;
	int err = 0;

	if (r->json) {
		j.f = open_memstream(&text, &size);
		if (!j.f)
			return -errno;
		json_open(&j, NULL, '{');
		json_open(&j, "programs", '[');
	}
	for (i = 0; !err && i < r->session_cnt; i++)
		if (fsession_program__is_multi(r->sessions[i].prog))
			err = list_functions(r, r->sessions[i].prog,
					     r->json ? &j : NULL);
	if (!r->json)
		return err;
	json_close(&j, ']');
	json_close(&j, '}');
	if (fclose(j.f) == EOF && !err) {
		err = -errno;
		say("make JSON: %s", strerror(-err));
	}
	if (!err)
		puts(text);
	free(text);
	return err;
}

/* Milliseconds until the end, or -1: it does not come by itself. */
static int left_ms(const struct run *r)
{
	long long left = r->end_ms - now_ms();

	if (r->end_ms < 0)
		return -1;
	if (left < 0)
		return 0;
	return left < INT_MAX ? left : INT_MAX;
}

/* Have the kernel call bpf_fentry_test1 and its fellows, or the program run. */
static int test_run(struct run *r)
{
	const struct bpf_program *prog;
	unsigned long i;

	prog = bpf_object__find_program_by_name(r->obj, r->test_run);
	for (i = 0; i < r->repeat && !r->child.interrupted && left_ms(r); i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);

		if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) < 0) {
			say("test-run '%s': %s", r->test_run, strerror(errno));
			return -errno;
		}
		if (opts.retval && verbose)
			say("test-run '%s' returned %u", r->test_run,
			    opts.retval);
		show_lines(r);
		child_signals(&r->child);
	}
	return 0;
}

/* Wait for the end: of the command, of the time, or by a signal. */
static int wait_for_end(struct run *r)
{
	struct pollfd fds[3];
	int err = 0;

	if (r->command) {
		err = child_start(&r->child, r->command);
		if (err == -EINTR) {
			say("interrupted; '%s' is not run", r->command[0]);
			return err;
		}
		if (err) {
			say("run '%s': %s", r->command[0], strerror(-err));
			/* Its status may say so, as a shell's would. */
			return r->child.status ? 0 : err;
		}
	}
	while (r->command ? r->child.running : !r->child.interrupted) {
		bool room = !lines_full(&r->lines);
		int left = left_ms(r);

		if (!left && !r->command)
			break;
		if (!left) {
			r->end_ms = -1;
			left = -1;
			child_terminate(&r->child);
		}
		if (r->printk && (left < 0 || left > POLL_MS))
			left = POLL_MS;
		fds[0] = (struct pollfd){ r->child.sigfd, POLLIN, 0 };
		fds[1] = (struct pollfd){ room ? printk_fd(r->printk) : -1,
					  POLLIN, 0 };
		fds[2] = (struct pollfd){ lines_fd(&r->lines), POLLOUT, 0 };
		if (poll(fds, 3, left) < 0 && errno != EINTR) {
			err = -errno;
			say("wait: %s", strerror(errno));
			break;
		}
		show_lines(r);
		child_signals(&r->child);
	}
	return err;
}

/* Entry and exit runs together, if BPF statistics are on. */
static uint64_t read_runs(const struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &len))
		return 0;
	return info.run_cnt;
}

static int collect(struct run *r)
{
	int err = 0;
	size_t i;

	for (i = 0; i < r->session_cnt; i++) {
		struct session *s = &r->sessions[i];
		int ret;

		s->info.size = sizeof(s->info);
		ret = fsession_link__info(s->link, &s->info, s->target,
					  sizeof(s->target));
		if (ret) {
			say("read the counts of '%s': %s",
			    bpf_program__name(s->prog), strerror(-ret));
			err = ret;
		}
		if (s->backend == FSESSION_BACKEND_NATIVE)
			s->runs = read_runs(s->prog);
	}
	return err;
}

static void detach(struct run *r)
{
	size_t i;

	for (i = 0; i < r->session_cnt; i++) {
		fsession_link__destroy(r->sessions[i].link);
		r->sessions[i].link = NULL;
	}
}

static void json_count(struct json *j, const char *key, uint64_t count)
{
	if (count != FSESSION_NOT_COUNTED)
		json_u64(j, key, count);
}

static int report_json(struct run *r)
{
	struct json j = { .f = stdout };
	size_t i;
	int err;

	/* Whatever the command's output ends with, this is a line of its own. */
	if (r->command)
		putchar('\n');
	json_open(&j, NULL, '{');
	json_open(&j, "programs", '[');
	for (i = 0; i < r->session_cnt; i++) {
		const struct session *s = &r->sessions[i];

		json_open(&j, NULL, '{');
		json_str(&j, "name", bpf_program__name(s->prog));
		json_str(&j, "target", s->target);
		json_u64(&j, "functions", s->info.sites);
		json_str(&j, "backend", libfsession_backend_string(s->backend));
		json_u64(&j, "id", s->info.id);
		json_count(&j, "entries", s->info.entries);
		json_count(&j, "exits", s->info.exits);
		json_count(&j, "misses", s->info.misses);
		json_count(&j, "calls", s->info.calls);
		json_count(&j, "inside", s->info.inside);
		json_count(&j, "dropped", s->info.dropped);
		json_count(&j, "abandoned", s->info.abandoned);
		if (s->runs)
			json_u64(&j, "runs", s->runs);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	err = globals_json(r->obj, &j);
	json_open(&j, "printk", '[');
	lines_json(&r->lines, &j);
	json_close(&j, ']');
	json_s64(&j, "status", r->child.status);
	json_close(&j, '}');
	putchar('\n');
	return err;
}

static void print_count(const char *what, unsigned long long count)
{
	if (count)
		printf(", %llu %s", count, what);
}

/* The kernel's own fsession keeps no books. */
static void print_native(const struct session *s)
{
	printf("native");
	if (s->runs)
		printf(", %llu runs", (unsigned long long)s->runs);
	if (s->info.misses != FSESSION_NOT_COUNTED)
		printf(", %llu missed runs", s->info.misses);
	putchar('\n');
}

static int report_text(struct run *r)
{
	int err = globals_print(r->obj, stdout);
	size_t i;

	for (i = 0; i < r->session_cnt; i++) {
		const struct session *s = &r->sessions[i];

		print("session %s on %s", bpf_program__name(s->prog),
		      s->target);
		if (s->info.sites > 1)
			printf(" and %u more", s->info.sites - 1);
		printf(": ");
		if (s->backend == FSESSION_BACKEND_NATIVE) {
			print_native(s);
			continue;
		}
		printf("%llu entries, %llu exits, %llu misses", s->info.entries,
		       s->info.exits, s->info.misses);
		print_count("inside", s->info.inside);
		print_count("dropped", s->info.dropped);
		print_count("abandoned", s->info.abandoned);
		putchar('\n');
	}
	return err;
}

static int run(struct run *r)
{
	int err, ret;

	err = libfsession_init();
	if (!err)
		err = libfsession_probe();
	if (!err)
		err = load(r);
	if (err)
		return err;

	if (r->dry_run)
		return dry_run(r);
	err = child_init(&r->child);
	if (err) {
		say("take signals: %s", strerror(-err));
		return err;
	}
	if (printk_used(r->obj))
		r->printk = printk_start(keep_line, r);
	err = attach(r);
	if (err)
		return err;
	if (r->duration_ms >= 0)
		r->end_ms = now_ms() + r->duration_ms;

	if (r->test_run)
		err = test_run(r);
	if (!err && (r->command || r->duration_ms >= 0 || !r->test_run))
		err = wait_for_end(r);

	/* Whoever sends a signal from here on does not wait for who reads us. */
	child_signals(&r->child);
	r->child.interrupted = false;

	drain_lines(r);
	ret = collect(r);
	detach(r);
	drain_lines(r);
	printk_stop(r->printk);
	r->printk = NULL;
	if (!err)
		err = ret;

	child_signals_as_before(&r->child);
	ret = lines_finish(&r->lines, !r->child.interrupted);
	if (ret == -EAGAIN) {
		say("interrupted; not all is written, as nobody reads it");
		return ret;
	}
	if (ret) {
		say("write bpf_printk() lines to standard output: %s",
		    strerror(-ret));
		if (!err)
			err = ret;
	}
	ret = r->json ? report_json(r) : report_text(r);
	return err ? err : ret;
}

static void cleanup(struct run *r)
{
	detach(r);
	printk_stop(r->printk);
	lines_fini(&r->lines);
	bpf_object__close(r->obj);
	free(r->sessions);
	free(r->names);
	fsession_targets__free(r->targets);
	selection_fini(&r->on);
	child_fini(&r->child);
}

static int parse(struct run *r, int argc, char **argv)
{
	static const struct option options[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "prog", required_argument, NULL, 'p' },
		{ "test-run", required_argument, NULL, 't' },
		{ "repeat", required_argument, NULL, 'n' },
		{ "duration", required_argument, NULL, 'd' },
		{ "on", required_argument, NULL, 'o' },
		{ "from", required_argument, NULL, 'f' },
		{ "exclude", required_argument, NULL, 'x' },
		{ "skip", no_argument, NULL, 's' },
		{ "dry-run", no_argument, NULL, 'y' },
		{ "json", no_argument, NULL, 'j' },
		{ "verbose", no_argument, NULL, 'v' },
		{}
	};
	char *end;
	int i, c;

	/* What follows "--" is the command; getopt must not look at it. */
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--"))
			continue;
		if (i + 1 == argc)
			return usage_error("run: no command after --");
		r->command = argv + i + 1;
		argc = i;
		break;
	}

	while ((c = getopt_long(argc, argv, "b:p:t:n:d:o:f:x:syjv", options,
				NULL)) != -1) {
		switch (c) {
		case 'b':
			if (set_backend(optarg))
				return usage_error("run: bad --backend '%s'",
						   optarg);
			break;
		case 'p':
			r->names[r->name_cnt++] = optarg;
			break;
		case 't':
			r->test_run = optarg;
			break;
		case 'n':
			errno = 0;
			r->repeat = strtoul(optarg, &end, 10);
			if (errno || *end || end == optarg || !r->repeat ||
			    optarg[0] == '-')
				return usage_error("run: bad --repeat '%s'",
						   optarg);
			break;
		case 'd':
			r->duration_ms = parse_seconds(optarg);
			if (r->duration_ms < 0)
				return usage_error("run: bad --duration '%s'",
						   optarg);
			break;
		case 'o':
			r->on.patterns[r->on.pattern_cnt++] = optarg;
			break;
		case 'f':
			r->on.files[r->on.file_cnt++] = optarg;
			break;
		case 'x':
			r->on.excluded[r->on.excluded_cnt++] = optarg;
			break;
		case 's':
			r->skip = true;
			break;
		case 'y':
			r->dry_run = true;
			break;
		case 'j':
			r->json = true;
			break;
		case 'v':
			verbose++;
			break;
		default:
			return usage_error(NULL);
		}
	}
	if (optind == argc)
		return usage_error("run: which BPF object?");
	if (optind + 1 < argc)
		return usage_error("run: '%s': a command goes after --",
				   argv[optind + 1]);
	if (r->on.excluded_cnt && !selection_any(&r->on))
		return usage_error(
			"run: --exclude from what? Say --on or --from");
	r->path = argv[optind];
	return 0;
}

int cmd_run(int argc, char **argv)
{
	struct run r = {
		.repeat = 1,
		.duration_ms = -1,
		.end_ms = -1,
		.child.sigfd = -1,
	};
	int status;

	r.names = calloc(argc, sizeof(*r.names));
	if (!r.names || selection_init(&r.on, argc))
		return EXIT_OURS;
	status = parse(&r, argc, argv);
	lines_init(&r.lines, r.json);
	if (!status)
		status = run(&r) ? EXIT_OURS : r.child.status;
	cleanup(&r);
	return status;
}
