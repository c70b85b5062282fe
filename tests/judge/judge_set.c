/* The judge of keys (1, 2, 3): each that was submitted is looked for in the end. Lost: somebody was
 * told that it is taken, and it is nowhere. Doubled: the journals of all shards together hold it
 * twice. Ghost: it is there, and nobody submitted it before. */
#include <stdlib.h>

#include "base/check.h"
#include "tests/judge/facts.h"

struct key {
	struct moment submitted, acknowledged, left; /* first; left: in the inbox */
};

static void check_key(struct facts *f, uint32_t saga, const struct key *key)
{
	struct facts_saga *s = &f->sagas[saga];

	s->submitted = key->submitted;
	if (key->left.order != 0 &&
	    (key->submitted.order == 0 || key->left.order < key->submitted.order))
		s->submitted = key->left;
	if (key->acknowledged.order != 0 && s->accepted_times == 0)
		verdict_broken(f->verdict, LAW(1, ""), saga, HISTORY_NONE, key->acknowledged,
			       "saga %u was acknowledged, and is lost", saga);
	if (s->accepted_times == 0 || moment_by(key->submitted, s->accepted.order))
		return;
	if (!moment_by(key->left, s->accepted.order))
		verdict_broken(f->verdict, LAW(2, ""), saga, HISTORY_NONE, s->accepted,
			       "saga %u was accepted, and nobody had submitted it", saga);
}

void judge_set(struct facts *f)
{
	const struct history *h = f->history;
	struct key *keys = calloc(h->saga_count + 1, sizeof *keys);

	CHECK(keys != NULL);
	for (uint32_t i = 0; i < h->request_count; i++) {
		const struct history_request *r = &h->requests[i];

		if (r->saga != HISTORY_NONE &&
		    (r->kind == HISTORY_SUBMIT || r->kind == HISTORY_CONFLICT))
			moment_first(&keys[r->saga].submitted,
				     (struct moment){.order = r->order, .at_ms = r->at_ms});
	}
	for (uint32_t i = 0; i < h->answer_count; i++) {
		const struct history_answer *a = &h->answers[i];
		const struct history_request *r = &h->requests[a->request];

		if (r->saga != HISTORY_NONE && a->code == 0 &&
		    (r->kind == HISTORY_SUBMIT || r->kind == HISTORY_CONFLICT))
			moment_first(&keys[r->saga].acknowledged,
				     (struct moment){.order = a->order, .at_ms = a->at_ms});
	}
	for (uint32_t i = 0; i < h->entry_count; i++) {
		const uint32_t saga = h->letters[h->entries[i].letter].saga;

		if (saga != HISTORY_NONE)
			moment_first(&keys[saga].left,
				     (struct moment){.order = h->entries[i].order,
						     .at_ms = h->entries[i].at_ms});
	}
	for (uint32_t i = 0; i < h->saga_count; i++)
		check_key(f, i, &keys[i]);
	free(keys);
}
