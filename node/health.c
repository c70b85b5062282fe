#include "node/health.h"

#include "base/check.h"

static uint64_t get(const _Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

static bool is_set(const _Atomic bool *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

uint32_t health_loop_add(struct health *h, uint64_t now_ns)
{
	const uint32_t loop = atomic_load(&h->loop_count);

	CHECK_LT(loop, HEALTH_LOOPS_MAX);
	health_tick(h, loop, now_ns);
	atomic_store(&h->loop_count, loop + 1);
	return loop;
}

void health_watch(struct health *h, uint64_t now_ns)
{
	const uint64_t before = get(&h->watched_ns);

	if (before != 0 && now_ns > before && now_ns - before > HEALTH_GAP_NS)
		atomic_store_explicit(&h->forgiven_ns, now_ns, memory_order_relaxed);
	atomic_store_explicit(&h->watched_ns, now_ns, memory_order_relaxed);
}

/* Loops read the clock before they store it, and another thread may have a later reading: then it
 * is no silence at all. */
uint64_t health_silence_ns(const struct health *h, uint32_t loop, uint64_t now_ns)
{
	const uint64_t ticked = get(&h->ticked_ns[loop]);
	const uint64_t forgiven = get(&h->forgiven_ns);
	const uint64_t since = ticked > forgiven ? ticked : forgiven;

	return now_ns > since ? now_ns - since : 0;
}

/* `bad` is what to say when it does not hold. */
static bool check(struct buf *checks, bool verbose, bool good, const char *name, const char *bad)
{
	if (checks != NULL && !good)
		(void)buf_printf(checks, "[-] %s: %s\n", name, bad);
	else if (checks != NULL && verbose)
		(void)buf_printf(checks, "[+] %s\n", name);
	return good;
}

bool health_started(const struct health *h, bool verbose, struct buf *checks)
{
	return check(checks, verbose, is_set(&h->started), "loop",
		     "the control loop has not begun to turn");
}

bool health_live(const struct health *h, uint64_t now_ns, bool verbose, struct buf *checks)
{
	const uint32_t count = atomic_load(&h->loop_count);
	bool all = true;

	for (uint32_t i = 0; i < count; i++) {
		const uint64_t silence = health_silence_ns(h, i, now_ns);
		const bool good = silence < HEALTH_STALL_NS;

		all &= good;
		if (checks == NULL || (good && !verbose))
			continue;
		(void)buf_printf(checks, good ? "[+] loop " : "[-] loop ");
		if (i == 0)
			(void)buf_printf(checks, "control");
		else
			(void)buf_printf(checks, "worker %u", i - 1);
		if (!good)
			(void)buf_printf(checks, ": has not turned for %llu s",
					 (unsigned long long)(silence / 1000000000));
		(void)buf_printf(checks, "\n");
	}
	return all;
}

bool health_ready(const struct health *h, bool verbose, struct buf *checks)
{
	const uint32_t count = atomic_load(&h->loop_count);
	bool nats = count > 0;
	bool ready;

	for (uint32_t i = 0; i < count; i++)
		nats &= is_set(&h->nats[i]);
	ready = check(checks, verbose, nats, "nats", "not all connections are up");
	ready &= check(checks, verbose, is_set(&h->lease), "lease",
		       "this node holds no lease in etcd");
	ready &= check(checks, verbose, is_set(&h->map), "shards",
		       "the plan of the shards has not been read, or there is no cluster yet "
		       "(sagactl init)");
	ready &= check(checks, verbose, !is_set(&h->draining), "draining",
		       "this node is stopping and gives its shards away");
	return ready;
}
