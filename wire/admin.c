/* The words of the operator's verbs. */
#include "wire/admin.h"

#include <stddef.h>

static const char *word(const char *const *words, size_t count, uint32_t number)
{
	if (number >= count || words[number] == NULL)
		return "unknown";
	return words[number];
}
#define WORD(words, number) word((words), sizeof(words) / sizeof(words)[0], (number))

static const char *const verbs[WIRE_ADMIN_VERBS] = {
	[WIRE_ADMIN_SHARDS] = "shards",
	[WIRE_ADMIN_EXPLAIN] = "explain",
	[WIRE_ADMIN_HISTORY] = "history",
	[WIRE_ADMIN_NODES] = "nodes",
	[WIRE_ADMIN_OPS] = "ops",
	[WIRE_ADMIN_OP] = "op",
	[WIRE_ADMIN_REBALANCE] = "rebalance",
	[WIRE_ADMIN_MOVE] = "move",
	[WIRE_ADMIN_DRAIN] = "drain",
	[WIRE_ADMIN_REMOVE] = "remove",
	[WIRE_ADMIN_PIN] = "pin",
	[WIRE_ADMIN_UNPIN] = "unpin",
	[WIRE_ADMIN_FREEZE] = "freeze",
	[WIRE_ADMIN_UNFREEZE] = "unfreeze",
	[WIRE_ADMIN_CORDON] = "cordon",
	[WIRE_ADMIN_UNCORDON] = "uncordon",
	[WIRE_ADMIN_UNDRAIN] = "undrain",
	[WIRE_ADMIN_PAUSE] = "pause",
	[WIRE_ADMIN_RESUME] = "resume",
	[WIRE_ADMIN_CANCEL] = "cancel",
	[WIRE_ADMIN_THROTTLE] = "throttle",
};

const char *wire_admin_verb_name(uint32_t verb)
{
	return verb < WIRE_ADMIN_VERBS ? verbs[verb] : NULL;
}

uint32_t wire_admin_verb_find(struct slice name)
{
	for (uint32_t verb = WIRE_ADMIN_SHARDS; verb < WIRE_ADMIN_VERBS; verb++) {
		if (slice_equal(slice_str(verbs[verb]), name))
			return verb;
	}
	return 0;
}

bool wire_admin_verb_orders(uint32_t verb)
{
	return verb >= WIRE_ADMIN_REBALANCE && verb < WIRE_ADMIN_VERBS;
}

const char *wire_ops_kind_name(uint32_t kind)
{
	static const char *const words[] = {
		[WIRE_OPS_REBALANCE] = "rebalance",
		[WIRE_OPS_MOVE] = "move",
		[WIRE_OPS_DRAIN] = "drain",
		[WIRE_OPS_REMOVE] = "remove",
	};
	return WORD(words, kind);
}

const char *wire_ops_state_name(uint32_t state)
{
	static const char *const words[] = {
		[WIRE_OPS_RUNNING] = "running",       [WIRE_OPS_PAUSED] = "paused",
		[WIRE_OPS_CANCELLING] = "cancelling", [WIRE_OPS_DONE] = "done",
		[WIRE_OPS_CANCELLED] = "cancelled",   [WIRE_OPS_FAILED] = "failed",
	};
	return WORD(words, state);
}

const char *wire_phase_name(uint32_t phase)
{
	static const char *const words[] = {
		[WIRE_PHASE_PLANNED] = "planned",     [WIRE_PHASE_QUIESCING] = "quiescing",
		[WIRE_PHASE_DRAINING] = "draining",   [WIRE_PHASE_FENCED] = "fenced",
		[WIRE_PHASE_REPLAYING] = "replaying", [WIRE_PHASE_SERVING] = "serving",
		[WIRE_PHASE_DONE] = "done",           [WIRE_PHASE_ROLLED_BACK] = "rolled-back",
		[WIRE_PHASE_FAILED] = "failed",       [WIRE_PHASE_SKIPPED] = "skipped",
	};
	return WORD(words, phase);
}

const char *wire_strategy_name(uint32_t strategy)
{
	static const char *const words[] = {
		[WIRE_STRATEGY_COUNT] = "count",
		[WIRE_STRATEGY_LOAD] = "load",
		[WIRE_STRATEGY_WEIGHTED] = "weighted",
	};
	return WORD(words, strategy);
}

struct why {
	const char *word;
	const char *text;
};

static const struct why whys[] = {
	[WIRE_WHY_NONE] = {"none", ""},
	[WIRE_WHY_BALANCE] = {"balance", "levels the number of shards"},
	[WIRE_WHY_LOAD] = {"load", "levels the load"},
	[WIRE_WHY_NODE_GONE] = {"node-gone", "its node is not alive"},
	[WIRE_WHY_NODE_STOPS] = {"node-stops", "its node is stopping"},
	[WIRE_WHY_NODE_SICK] = {"node-sick", "its node is not healthy"},
	[WIRE_WHY_DRAIN] = {"drain", "its node is drained"},
	[WIRE_WHY_REMOVE] = {"remove", "its node is removed"},
	[WIRE_WHY_ASKED] = {"asked", "asked for by hand"},
	[WIRE_WHY_PIN] = {"pin", "pinned to the node"},
	[WIRE_WHY_RETURN] = {"return", "back to the node that was away"},
	[WIRE_WHY_CURRENT] = {"current", "it is here"},
	[WIRE_WHY_ALLOWED] = {"allowed", "may take it"},
	[WIRE_WHY_CORDONED] = {"cordoned", "the node is cordoned"},
	[WIRE_WHY_DRAINED] = {"drained", "the node is drained"},
	[WIRE_WHY_STOPPING] = {"stopping", "the node is stopping"},
	[WIRE_WHY_UNHEALTHY] = {"unhealthy", "the node is not healthy"},
	[WIRE_WHY_NO_WEIGHT] = {"no-weight", "the node's weight is 0"},
	[WIRE_WHY_PINNED_ELSEWHERE] = {"pinned", "the shard is pinned to another node"},
	[WIRE_WHY_FROZEN] = {"frozen", "the shard is frozen"},
	[WIRE_WHY_FULL] = {"full", "the node has its share already"},
	[WIRE_WHY_SUSPECT] = {"suspect", "the node did not come for a shard lately"},
	[WIRE_WHY_LEAVES] = {"leaves", "it is here, and is to go"},
	[WIRE_WHY_GOAL] = {"goal", "is to get it"},
	[WIRE_WHY_STANDBY] = {"standby", "follows its journal: next in line"},
	[WIRE_WHY_EXCLUDED] = {"excluded", "the node was excluded"},
	[WIRE_WHY_AWAY] = {"away", "the node is not there, or back too shortly"},
	[WIRE_WHY_CANCELLED] = {"cancelled", "the operation was cancelled"},
	[WIRE_WHY_CHANGED] = {"changed", "the plan gave the shard elsewhere"},
	[WIRE_WHY_TARGET_GONE] = {"target-gone", "the new node cannot take it"},
	[WIRE_WHY_TIMEOUT] = {"timeout", "it took too long"},
	[WIRE_WHY_HALTED] = {"halted", "the shard is halted"},
};
enum { WHY_COUNT = sizeof whys / sizeof whys[0] };

const char *wire_why_name(uint32_t why)
{
	return why < WHY_COUNT && whys[why].word != NULL ? whys[why].word : "unknown";
}

const char *wire_why_text(uint32_t why)
{
	return why < WHY_COUNT && whys[why].text != NULL ? whys[why].text : "unknown";
}
