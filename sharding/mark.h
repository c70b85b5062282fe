/* What operators ask for, one key each under /sagad/<cluster>/: a pin or a freeze of a shard, a
 * cordon or a drain of a node. Stored form, one line, strict on reading:
 *
 *   pins/<shard>    sagad-pin 1 node=NODE actor=ACTOR at=MS until=MS reason=TEXT
 *   frozen/<shard>  sagad-freeze 1 actor=ACTOR at=MS until=MS reason=TEXT
 *   cordons/<node>  sagad-cordon 1 actor=ACTOR at=MS until=MS reason=TEXT
 *   drains/<node>   sagad-drain 1 actor=ACTOR at=MS until=MS reason=TEXT
 *
 * Times in Unix ms, until=0 for ever. One that cannot be read is ignored, counted and noted; it
 * hurts nobody but itself.
 */
#ifndef SAGAD_SHARDING_MARK_H
#define SAGAD_SHARDING_MARK_H

#include "base/buf.h"
#include "base/error.h"
#include "base/id.h"

enum { MARK_REASON_MAX = 200, MARK_ACTOR_MAX = 64, MARK_TEXT_MAX = 512 };

enum mark_kind { MARK_PIN, MARK_FREEZE, MARK_CORDON, MARK_DRAIN, MARK_KINDS };

struct mark {
	struct id node;                   /* of a pin: where to */
	char actor[MARK_ACTOR_MAX + 1];   /* printable ASCII without space, not empty */
	char reason[MARK_REASON_MAX + 1]; /* UTF-8 without control characters; may be empty */
	uint64_t at_unix_ms;
	uint64_t until_unix_ms; /* 0 = for ever */
};

const char *mark_folder(enum mark_kind kind); /* "pins/", "frozen/", "cordons/", "drains/" */
/* SAGA_E_NAME (node or actor), SAGA_E_CHARSET (reason), SAGA_E_FULL; `out` unchanged then. */
int mark_encode(enum mark_kind kind, const struct mark *mark, struct buf *out) MUST_CHECK;
int mark_decode(enum mark_kind kind, struct slice text, struct mark *mark) MUST_CHECK;
/* Whether it still counts. */
bool mark_holds(const struct mark *mark, uint64_t now_unix_ms);

#endif
