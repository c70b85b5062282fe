/* The verdict, and what a person or a program gets to read. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/soak/moves.h"

static int compare(const void *left, const void *right)
{
	const uint32_t l = *(const uint32_t *)left, r = *(const uint32_t *)right;

	return (l > r) - (l < r);
}

/* How long the sagas took that were begun while it lasted. */
void moves_measure(const struct load *load, struct moves_act *act, uint32_t *room)
{
	act->sagas = 0;
	for (uint32_t i = 0; i < load->count; i++) {
		const struct load_saga *saga = &load->sagas[i];

		if (saga->phase == LOAD_FINAL && saga->first_sent_ms >= act->began_ms &&
		    saga->first_sent_ms < act->ended_ms)
			room[act->sagas++] = (uint32_t)(saga->final_ms - saga->first_sent_ms);
	}
	if (act->sagas == 0)
		return;
	qsort(room, act->sagas, sizeof *room, compare);
	act->p50_ms = room[(act->sagas - 1) / 2];
	act->p99_ms = room[(uint64_t)(act->sagas - 1) * 99 / 100];
	act->max_ms = room[act->sagas - 1];
}

static uint64_t violations(const struct moves *moves)
{
	const struct moves_check *c = &moves->check;

	return c->lost + c->doubled + c->undone_in_vain + c->strangers + moves->parked +
	       moves->ended_early + moves->judged.verdict.finding_count +
	       (moves->load.count - moves->load.final);
}

int moves_verdict(const struct moves *moves, bool acted, char *why, size_t size)
{
	if (violations(moves) > 0)
		return STAGE_EXIT_VIOLATION;
	if (!acted)
		return STAGE_EXIT_FAILED;
	judged_doubt(&moves->judged, why, size);
	if (moves->load.completed == 0 || moves->load.compensated == 0)
		stage_doubt(why, size, "%u completed and %u undone", moves->load.completed,
			    moves->load.compensated);
	return why[0] != '\0' ? STAGE_EXIT_INCONCLUSIVE : STAGE_EXIT_OK;
}

static void print_table(const struct moves *moves, const char *why)
{
	const struct moves_check *c = &moves->check;

	(void)printf("%-52s %7s %7s %8s %8s %8s\n", "act", "took s", "sagas", "p50 ms", "p99 ms",
		     "max ms");
	for (uint32_t i = 0; i < moves->act_count; i++) {
		const struct moves_act *act = &moves->acts[i];

		(void)printf("%-52s %7.1f %7u %8u %8u %8u\n", act->name,
			     (double)(act->ended_ms - act->began_ms) / 1000, act->sagas,
			     act->p50_ms, act->p99_ms, act->max_ms);
	}
	(void)printf("\nsagas          %8u   %llu completed, %llu undone, %u not final, %u parked\n"
		     "effects        %8llu   in the services' databases\n"
		     "lost           %8llu\ndoubled        %8llu\nundone in vain %8llu\n"
		     "ended early    %8u   processes\n",
		     moves->load.count, (unsigned long long)c->completed,
		     (unsigned long long)c->undone, moves->load.count - moves->load.final,
		     moves->parked, (unsigned long long)c->effects, (unsigned long long)c->lost,
		     (unsigned long long)c->doubled, (unsigned long long)c->undone_in_vain,
		     moves->ended_early);
	judged_print(&moves->judged, stdout);
	if (why[0] != '\0')
		(void)printf("inconclusive: %s\n", why);
}

static void print_json(const struct moves *moves, int code, const char *why)
{
	const struct moves_check *c = &moves->check;

	(void)printf("{\"exit\":%d,\"acts\":[", code);
	for (uint32_t i = 0; i < moves->act_count; i++) {
		const struct moves_act *act = &moves->acts[i];

		(void)printf("%s{\"act\":\"%s\",\"took_ms\":%llu,\"sagas\":%u,\"p50_ms\":%u,"
			     "\"p99_ms\":%u,\"max_ms\":%u}",
			     i == 0 ? "" : ",", act->name,
			     (unsigned long long)(act->ended_ms - act->began_ms), act->sagas,
			     act->p50_ms, act->p99_ms, act->max_ms);
	}
	(void)printf("],\"sagas\":%u,\"completed\":%llu,\"undone\":%llu,\"not_final\":%u,"
		     "\"parked\":%u,\"effects\":%llu,\"lost\":%llu,\"doubled\":%llu,"
		     "\"undone_in_vain\":%llu,\"ended_early\":%u,\"inconclusive\":\"%s\","
		     "\"judges\":",
		     moves->load.count, (unsigned long long)c->completed,
		     (unsigned long long)c->undone, moves->load.count - moves->load.final,
		     moves->parked, (unsigned long long)c->effects, (unsigned long long)c->lost,
		     (unsigned long long)c->doubled, (unsigned long long)c->undone_in_vain,
		     moves->ended_early, why);
	judged_print_json(&moves->judged, stdout);
	(void)printf("}\n");
}

void moves_print(const struct moves *moves, int code, const char *why)
{
	if (moves->json)
		print_json(moves, code, why);
	else
		print_table(moves, why);
}
