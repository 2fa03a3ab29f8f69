/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The world around the module: what kernel.h cannot say of itself. kernel.c has
 * memory, locks, work and files, world.c the functions, their BTF, the programs and
 * ftrace; module.c makes the ioctls, and fuzz.c lets things happen.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

/* Something that may fail: counted, and the one that is due does. */
enum fault {
	FAULT_MEMORY,
	FAULT_FD,
	FAULT_FILE,
	FAULT_COPY,
	FAULT_FTRACE, /* has no memory */
	FAULT_SIGNAL, /* one comes */
	FAULT_MODULE, /* goes, or its files do */
	FAULT_BTF,    /* is not to be read */
	FAULT_PROG,   /* its descriptor is closed */
	FAULT_TEXT,   /* the kernel's, is not to be read */
	FAULT_BUSY,   /* somebody has a direct call */
	FAULT_DEAD,   /* ftrace shuts down, for good */
	FAULTS,
};

struct fault_state {
	unsigned int mask, in, then;
	bool on; /* whatever else is of the kind of the first fails, too */
	/* Since they were set: how many might have failed, and which did. */
	unsigned int passed, of[FAULTS];
	unsigned int failed;
	struct {
		enum fault what;
		unsigned int nth; /* of its kind */
	} at[2];
};

extern struct fault_state *faults;

bool fault(enum fault what);
/* The @nth of those in @mask, from now on, fails; 0 for none. */
void fault_set(unsigned int mask, unsigned int nth);
/* And the @then th after it; or with @on all of its kind. */
void fault_set_more(unsigned int then, bool on);

/*
 * The caller's memory: pages that can be written, of which the middle ones can only
 * be read or not be touched.
 */
#define USER_BASE      0x100000UL
#define USER_PAGES     6
#define USER_SIZE      (USER_PAGES * PAGE_SIZE)
#define USER_READ_ONLY 2
#define USER_HOLE      3
extern unsigned char user[USER_SIZE];
void user_put(u64 addr, const void *from, size_t n);
bool user_peek(u64 addr, void *to, size_t n);

/* Somebody writes @value to @addr right before the kernel's @nth access. */
void user_flip(unsigned int nth, u64 addr, u32 value);

/* One ioctl: what it was seen to do. Another may come in the middle of it. */
struct call {
	struct call *outer;
	unsigned int cmd;
	u64 arg;
	/* The structure as the kernel got it, and its size as it was told. */
	bool got;
	size_t ksize, usize;
	unsigned char seen[256];
	bool signal;
	bool faulted; /* an access did not get all that it wanted */
	bool shared;  /* something else happened meanwhile */
	u32 wrote;    /* the first word of the last that was written */
	unsigned int writes;
	struct {
		u64 addr, n;
	} write[4096];
};

extern struct call *call; /* NULL: not the caller's context */

/* What may happen in between; fuzz.c. */
void fuzz_point(void);

struct kernel_state {
	unsigned int mutexes;
	unsigned int rcu;
	bool working;	      /* does what is queued */
	bool quiet;	      /* nothing else happens */
	struct call *waiting; /* for that */
	unsigned int allocated;
	unsigned int pids;
	u64 caps;
};

extern struct kernel_state kernel;
extern const struct file_operations *device_fops;

/* Nothing is left of anything. */
void kernel_check_gone(void);

/*
 * File descriptors
 */
enum file_kind {
	FILE_OTHER,
	FILE_PROG,
	FILE_DEVICE,
	FILE_SESSION
};

#define FDS	  24
#define FD_O_PATH (1U << 0)

/* The file that takes the reference @prog or is given @fops; or -1. */
int fd_open(enum file_kind kind, struct bpf_prog *prog, unsigned int flags);
void fd_close(unsigned int fd);
int fd_dup(unsigned int fd, unsigned int to);
/* With a reference, to be given to fput(); NULL. */
struct file *file_get(unsigned int fd);
enum file_kind file_kind(const struct file *file);
/* The text of a file's fdinfo. */
const char *fdinfo(struct file *file);
bool fd_reserved(void);
/* Of the file; 0: there is none. */
unsigned int fd_refs(unsigned int fd);
bool fd_is_session(unsigned int fd);

/*
 * Functions
 */
#define FUNC_SIZE 64

struct func {
	const char *name;
	bool in_module;
	unsigned int proto; /* of world.c's table */
	bool endbr;
	bool no_site;
	bool only_looks; /* like a site, and is none */
	/* While it runs. */
	bool busy;     /* somebody else has its direct call */
	bool ipmodify; /* a livepatch has it */
	struct ftrace_ops *ops;
	u32 btf_id;
	unsigned long addr;
	unsigned char code[FUNC_SIZE];
};

extern struct func funcs[];
extern const unsigned int nr_funcs;
extern struct module target_module;
extern bool ftrace_off;
/* It has shut down: it takes nothing and gives nothing back. */
extern bool ftrace_dead;
/* References to the files with BTF. */
unsigned int btf_refs(void);

void world_init(void);
/* Before each input. */
void world_reset(void);
void world_check_gone(void);

/* What a program may be. */
enum prog_flags {
	PROG_TYPED = 1U << 0, /* reads words of its context */
	PROG_TAIL_CALLS = 1U << 1,
	PROG_SLEEPABLE = 1U << 2,
	PROG_ATTACHED = 1U << 3, /* by bpf(2) */
	PROG_OF_PROG = 1U << 4,	 /* its target is a program */
	PROG_FENTRY = 1U << 5,
	PROG_SOCKET = 1U << 6,
	PROG_NO_BTF = 1U << 7,
	PROG_TWIN = 1U << 8, /* its target is found by name only */
	PROG_LEAF = 1U << 9, /* calls nothing */
};

struct bpf_prog *prog_new(unsigned int func, unsigned int flags);
void prog_free(struct bpf_prog *prog);
/* The livepatch of a function comes or goes. */
int func_ipmodify(struct func *f, bool come);

#endif /* FUZZ_WORLD_H */
