// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs a few threads in every order of their accesses to shared memory.
 *
 * Depth first: an order is a list of decisions. A state is the watched memory, the
 * stacks and the buffered stores; each decision keeps a copy of its state, to come back
 * for its other choices, and an order ends where another has been before.
 */
#include "interleave.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_LEN	(16 << 10)
#define BELOW_FRAME	64	/* registers that a frame saves lie within so many bytes of it */
#define STORES_MAX	32
#define OPTIONS_MAX	64
#define STEPS_MAX	2000
#define RANGES_MAX	8
#define TABLE_LEN	(1u << 23)

enum il_state { IL_READY, IL_ASLEEP, IL_FENCED, IL_ENDED };

struct il_pending {
	void		*place;
	uint64_t	value;
	uint32_t	len;
	uint32_t	release;
};

/**
 * struct il_thread - a thread
 * @name: for the report
 * @body: what it runs
 * @here: where it goes on
 * @start: where it starts again
 * @stack: its stack
 * @sp: lowest address of the stack that is in use
 * @state: what it waits for
 * @event: event that it waits for
 * @stores: buffered, oldest first
 * @nr_stores: how many
 */
struct il_thread {
	const char		*name;
	il_body			body;
	jmp_buf			here;
	jmp_buf			start;
	char			*stack;
	char			*sp;
	enum il_state		state;
	bool			*event;
	struct il_pending	stores[STORES_MAX];
	unsigned int		nr_stores;
};

/* A decision: let a thread go on, or write one of its stores (@store >= 0) to memory. */
struct il_option {
	int	thread;
	int	store;
};

struct il_range {
	char	*start;
	size_t	len;
};

/**
 * struct il_decision - a place on the way
 * @options: what can come next
 * @nr: how many
 * @next: number of the first that has not been tried
 * @copy: the state, if there are several
 */
struct il_decision {
	struct il_option	options[OPTIONS_MAX];
	unsigned int		nr;
	unsigned int		next;
	char			*copy;
};

static struct il_thread threads[IL_THREADS_MAX];
static unsigned int nr_threads;
static struct il_thread *current;
static jmp_buf scheduler;
static jmp_buf made;

static struct il_range watched[RANGES_MAX], shared[RANGES_MAX], window[RANGES_MAX];
static unsigned int nr_watched, nr_shared, nr_window;

static struct il_decision decisions[STEPS_MAX];
static uint64_t *visited;
static unsigned long nr_visited;
static const char *failure;
static bool tracing;

static void add_range(struct il_range *ranges, unsigned int *nr, void *start, size_t len)
{
	if (*nr == RANGES_MAX)
		abort();
	ranges[(*nr)++] = (struct il_range) { start, len };
}

void il_watch(void *start, size_t len)
{
	add_range(watched, &nr_watched, start, len);
}

void il_share(void *start, size_t len)
{
	add_range(shared, &nr_shared, start, len);
}

void il_window(void *start, size_t len)
{
	add_range(window, &nr_window, start, len);
	il_watch(start, len);
	il_share(start, len);
}

static bool is_in(const struct il_range *ranges, unsigned int nr, const volatile void *place)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if ((char *)place >= ranges[i].start &&
		    (char *)place < ranges[i].start + ranges[i].len)
			return true;
	return false;
}

static void print_place(const volatile void *place)
{
	unsigned int i;

	for (i = 0; i < nr_window; i++)
		if ((char *)place >= window[i].start && (char *)place < window[i].start + window[i].len) {
			printf("window %u + %#zx", i, (size_t)((char *)place - window[i].start));
			return;
		}
	printf("private word ..%03zx", (size_t)place & 0xfff);
}

static void trace(const char *what, const volatile void *place, uint64_t value)
{
	if (!tracing)
		return;
	printf("#   %s: %s ", current->name, what);
	if (place) {
		print_place(place);
		printf(" %#llx", (unsigned long long)value);
	}
	putchar('\n');
}

/* To the scheduler, with all registers on the stack. */
static __attribute__((noinline)) void pause_thread(enum il_state state, bool *event)
{
	__builtin_unwind_init();
	current->state = state;
	current->event = event;
	current->sp = (char *)__builtin_frame_address(0) - BELOW_FRAME;
	if (!_setjmp(current->here))
		_longjmp(scheduler, 1);
}

static uint64_t read_place(const volatile void *place, size_t len)
{
	uint64_t value = 0;

	memcpy(&value, (const void *)place, len);
	return value;
}

static void write_place(volatile void *place, uint64_t value, size_t len)
{
	memcpy((void *)place, &value, len);
}

uint64_t il_load(const volatile void *place, size_t len)
{
	uint64_t value;
	unsigned int i;

	if (!current || !is_in(shared, nr_shared, place))
		return read_place(place, len);
	pause_thread(IL_READY, NULL);
	value = read_place(place, len);
	for (i = 0; i < current->nr_stores; i++)
		if (current->stores[i].place == place)
			value = current->stores[i].value;
	trace("loads", place, value);
	return value;
}

void il_store(volatile void *place, uint64_t value, size_t len, bool release)
{
	if (!current || !is_in(shared, nr_shared, place)) {
		write_place(place, value, len);
		return;
	}
	if (!is_in(window, nr_window, place)) {
		pause_thread(IL_READY, NULL);
		write_place(place, value, len);
		trace("writes", place, value);
		return;
	}
	if (current->nr_stores == STORES_MAX)
		abort();
	current->stores[current->nr_stores++] = (struct il_pending) {
		(void *)place, value, len, release
	};
	trace(release ? "stores with release" : "stores", place, value);
}

void il_fence(void)
{
	if (!current)
		return;
	if (current->nr_stores)
		pause_thread(IL_FENCED, NULL);
	trace("has passed a fence", NULL, 0);
}

uint64_t il_exchange_bits(volatile void *place, size_t len, uint64_t clear, uint64_t set)
{
	uint64_t old;

	il_fence();
	if (current)
		pause_thread(IL_READY, NULL);
	old = read_place(place, len);
	write_place(place, (old & ~clear) | set, len);
	if (current)
		trace("changes bits of", place, old);
	return old;
}

void il_sleep(bool *event)
{
	trace("sleeps", NULL, 0);
	pause_thread(IL_ASLEEP, event);
	*event = false;
	trace("wakes", NULL, 0);
}

void il_raise(bool *event)
{
	pause_thread(IL_READY, NULL);
	*event = true;
	trace("wakes the other", NULL, 0);
}

void il_fail(const char *why)
{
	if (!failure)
		failure = why;
	pause_thread(IL_ENDED, NULL);
}

/* First code on each stack. It comes back to `start` for each run. */
static void thread_main(void)
{
	if (!_setjmp(current->start))
		_longjmp(made, 1);
	current->body();
	pause_thread(IL_ENDED, NULL);
	abort();
}

static void make_thread(struct il_thread *t)
{
	static ucontext_t context;

	if (!t->stack)
		t->stack = malloc(STACK_LEN);
	if (!t->stack || getcontext(&context))
		abort();
	context.uc_stack.ss_sp = t->stack;
	context.uc_stack.ss_size = STACK_LEN;
	context.uc_link = NULL;
	makecontext(&context, thread_main, 0);
	current = t;
	if (!_setjmp(made))
		setcontext(&context);
	current = NULL;
}

static void restart_thread(struct il_thread *t)
{
	memcpy(t->here, t->start, sizeof(t->here));
	t->sp = t->stack + STACK_LEN - 1024;
	t->state = IL_READY;
	t->event = NULL;
	t->nr_stores = 0;
}

static bool can_run(const struct il_thread *t)
{
	switch (t->state) {
	case IL_READY:
		return true;
	case IL_ASLEEP:
		return *t->event;
	case IL_FENCED:
		return !t->nr_stores;
	default:
		return false;
	}
}

/* May this store reach memory before the ones that are older? */
static bool can_write(const struct il_thread *t, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (t->stores[nr].release || t->stores[i].place == t->stores[nr].place)
			return false;
	return true;
}

static unsigned int list_options(struct il_option *options)
{
	unsigned int nr = 0, i, k;

	for (i = 0; i < nr_threads; i++) {
		if (can_run(&threads[i]))
			options[nr++] = (struct il_option) { i, -1 };
		for (k = 0; k < threads[i].nr_stores; k++)
			if (nr < OPTIONS_MAX - 1 && can_write(&threads[i], k))
				options[nr++] = (struct il_option) { i, k };
	}
	return nr;
}

static void take_option(const struct il_option *option)
{
	struct il_thread *t = &threads[option->thread];
	struct il_pending *store;

	current = t;
	if (option->store < 0) {
		/* What was there before would make equal states look different. */
		memset(t->stack, 0, t->sp - t->stack);
		if (!_setjmp(scheduler))
			_longjmp(t->here, 1);
	} else {
		store = &t->stores[option->store];
		write_place(store->place, store->value, store->len);
		trace("writes to memory", store->place, store->value);
		t->nr_stores--;
		memmove(store, store + 1, (t->nr_stores - option->store) * sizeof(*store));
	}
	current = NULL;
}

static uint64_t hash_bytes(uint64_t hash, const void *start, size_t len)
{
	const unsigned char *at = start;
	uint64_t word;

	while (len) {
		size_t n = len < sizeof(word) ? len : sizeof(word);

		word = 0;
		memcpy(&word, at, n);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ULL;
		hash ^= hash >> 29;
		at += n;
		len -= n;
	}
	return hash;
}

static uint64_t hash_state(void)
{
	uint64_t hash = 1;
	unsigned int i;

	for (i = 0; i < nr_watched; i++)
		hash = hash_bytes(hash, watched[i].start, watched[i].len);
	for (i = 0; i < nr_threads; i++) {
		struct il_thread *t = &threads[i];

		hash = hash_bytes(hash, &t->state, sizeof(t->state));
		hash = hash_bytes(hash, t->stores, t->nr_stores * sizeof(t->stores[0]));
		if (t->state != IL_ENDED)
			hash = hash_bytes(hash, t->sp, t->stack + STACK_LEN - t->sp);
	}
	return hash ? hash : 1;
}

static bool is_new_state(void)
{
	uint64_t hash = hash_state();
	uint32_t slot = hash % TABLE_LEN;

	while (visited[slot]) {
		if (visited[slot] == hash)
			return false;
		slot = (slot + 1) % TABLE_LEN;
	}
	if (nr_visited++ > TABLE_LEN / 2) {
		printf("Bail out! too many states\n");
		exit(EXIT_FAILURE);
	}
	visited[slot] = hash;
	return true;
}

static const char *sleeper(void)
{
	unsigned int i;

	for (i = 0; i < nr_threads; i++)
		if (threads[i].state != IL_ENDED)
			return "it sleeps for ever";
	return NULL;
}

static size_t live_stack(const struct il_thread *t)
{
	return t->stack + STACK_LEN - t->sp;
}

/* @copy is NULL: only count. Returns the bytes of the copy. */
static size_t copy_state(char *copy)
{
	char *to = copy;
	size_t len = 0;
	unsigned int i;

	for (i = 0; i < nr_watched; i++) {
		if (copy)
			memcpy(to + len, watched[i].start, watched[i].len);
		len += watched[i].len;
	}
	for (i = 0; i < nr_threads; i++) {
		if (copy) {
			memcpy(to + len, &threads[i], sizeof(threads[i]));
			memcpy(to + len + sizeof(threads[i]), threads[i].sp, live_stack(&threads[i]));
		}
		len += sizeof(threads[i]) + live_stack(&threads[i]);
	}
	return len;
}

static void restore_state(const char *copy)
{
	unsigned int i;

	for (i = 0; i < nr_watched; i++) {
		memcpy(watched[i].start, copy, watched[i].len);
		copy += watched[i].len;
	}
	for (i = 0; i < nr_threads; i++) {
		memcpy(&threads[i], copy, sizeof(threads[i]));
		copy += sizeof(threads[i]);
		memcpy(threads[i].sp, copy, live_stack(&threads[i]));
		copy += live_stack(&threads[i]);
	}
}

static void restart(const struct il_scenario *s)
{
	unsigned int i;

	s->reset();
	for (i = 0; i < nr_threads; i++)
		restart_thread(&threads[i]);
}

static void open_decision(struct il_decision *d)
{
	d->nr = list_options(d->options);
	d->next = 0;
	if (d->nr < 2)
		return;
	d->copy = malloc(copy_state(NULL));
	if (!d->copy)
		abort();
	copy_state(d->copy);
}

static void close_decision(struct il_decision *d)
{
	free(d->copy);
	d->copy = NULL;
}

static void report(const struct il_scenario *s, unsigned int depth)
{
	const char *why = failure;
	unsigned int i;

	printf("# %s: %s. The order:\n", s->what, why);
	tracing = true;
	restart(s);
	for (i = 0; i < depth; i++)
		take_option(&decisions[i].options[decisions[i].next - 1]);
	tracing = false;
	for (i = 0; i < nr_threads; i++)
		if (threads[i].state != IL_ENDED)
			printf("# %s has not ended\n", threads[i].name);
}

/* Returns the depth at which something is wrong, or 0. */
static unsigned int search(const struct il_scenario *s)
{
	unsigned int depth = 0;
	struct il_decision *d;

	restart(s);
	open_decision(&decisions[0]);
	for (;;) {
		d = &decisions[depth];
		if (d->next == d->nr) {
			close_decision(d);
			if (!depth--)
				return 0;
			continue;
		}
		if (d->next)
			restore_state(d->copy);
		take_option(&d->options[d->next++]);
		if (failure)
			return depth + 1;
		if (!is_new_state())
			continue;
		if (++depth == STEPS_MAX) {
			printf("Bail out! an order without end\n");
			exit(EXIT_FAILURE);
		}
		open_decision(&decisions[depth]);
		if (!decisions[depth].nr) {
			failure = sleeper();
			if (failure)
				return depth;
		}
	}
}

bool il_explore(const struct il_scenario *s)
{
	unsigned int depth, i;

	visited = calloc(TABLE_LEN, sizeof(*visited));
	if (!visited)
		abort();
	nr_visited = 0;
	failure = NULL;
	for (nr_threads = 0; nr_threads < IL_THREADS_MAX && s->bodies[nr_threads]; nr_threads++) {
		threads[nr_threads].name = s->names[nr_threads];
		threads[nr_threads].body = s->bodies[nr_threads];
		make_thread(&threads[nr_threads]);
	}
	depth = search(s);
	if (depth)
		report(s, depth);
	printf("# %s: %lu states\n", s->what, nr_visited);
	for (i = 0; i < STEPS_MAX; i++)
		close_decision(&decisions[i]);
	for (i = 0; i < nr_threads; i++) {
		free(threads[i].stack);
		threads[i].stack = NULL;
	}
	free(visited);
	return !depth;
}
