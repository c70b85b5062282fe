/* What those are told who find no place (S19).
 *
 * Whoever is refused comes again, so the refused of one second are offered again in a later one.
 * The hint grows with how many there are for each that is taken: then what comes again is about as
 * much as is taken, however many wait for it. */
#include "node/core_internal.h"

enum { RETRY_MIN_MS = 200, RETRY_MAX_MS = 10000, HALVE_MS = 1000, HALVINGS_MAX = 31 };

static void fade(const struct core *core, struct core_load *load)
{
	uint64_t halvings = (core->now.mono_ms - load->halved_ms) / HALVE_MS;
	if (halvings == 0)
		return;
	load->halved_ms += halvings * HALVE_MS;
	if (halvings > HALVINGS_MAX)
		halvings = HALVINGS_MAX;
	load->taken >>= halvings;
	load->refused >>= halvings;
}

void core_load_taken(struct core *core, struct core_load *load)
{
	fade(core, load);
	load->taken++;
}

void core_load_refused(struct core *core, struct core_load *load)
{
	fade(core, load);
	load->refused++;
	load->refused_one = true;
	core->stats.busy_total++;
}

uint32_t core_load_retry_ms(struct core *core, struct core_load *load)
{
	fade(core, load);
	const uint64_t taken = load->taken > 0 ? load->taken : 1;
	const uint64_t ms = RETRY_MIN_MS + (uint64_t)RETRY_MIN_MS * load->refused / taken;
	return ms < RETRY_MAX_MS ? (uint32_t)ms : RETRY_MAX_MS;
}

/* Those who are sent away must not come back together. */
uint32_t core_load_hint(struct core *core, struct core_load *load, int code)
{
	if (err_class(code) != ERR_CLASS_RETRY)
		return 0;
	if (code == SAGA_E_NOT_OWNER)
		return CORE_MOVED_RETRY_MS;
	if (code != SAGA_E_BUSY)
		return CORE_OTHER_RETRY_MS;
	core_load_refused(core, load);
	const uint32_t ms = core_load_retry_ms(core, load);
	return ms + (uint32_t)prng_below(&core->prng, ms);
}

void core_load_note(struct core *core)
{
	const uint64_t refused = core->stats.busy_total - core->busy_noted;
	const uint64_t shed = core->stats.shed_total - core->shed_noted;
	uint8_t memory[128];
	struct buf text;
	if (refused == 0 || (core->busy_noted_ms != 0 &&
			     core->now.mono_ms - core->busy_noted_ms < CORE_BUSY_NOTE_MS))
		return;
	buf_init_fixed(&text, memory, sizeof memory);
	(void)buf_printf(&text, "%llu requests were refused, %llu of them because they came late",
			 (unsigned long long)refused, (unsigned long long)shed);
	const struct core_note note = {
		.event = "worker.busy",
		.shard = CORE_NO_SHARD,
		.code = SAGA_E_BUSY,
		.text = buf_slice(&text),
	};
	core->io.note(core->io.context, &note);
	core->busy_noted = core->stats.busy_total;
	core->shed_noted = core->stats.shed_total;
	core->busy_noted_ms = core->now.mono_ms;
}
