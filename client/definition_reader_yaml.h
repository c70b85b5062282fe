/* What the files that read definitions share: the tree of a document whose nodes know their places,
 * and values of its scalars. Only definition_*_yaml.c.
 */
#ifndef SAGAD_CLIENT_DEFINITION_READER_YAML_H
#define SAGAD_CLIENT_DEFINITION_READER_YAML_H

#include <yaml.h>

#include "client/definition.h"
#include "client/definition_problems.h"

struct reader {
	yaml_document_t document;
	struct problems *problems;
	struct saga_definition *definition;
	struct definition_places *places;
	struct wire_retry retry, undo_retry; /* the defaults of this definition */
	uint32_t timeout_ms, delivery;       /* likewise; 0 = those of the step's kind */
	const yaml_node_t *steps[WIRE_STEPS_MAX];
	const yaml_node_t *values[WIRE_STEPS_MAX][STEP_KEYS]; /* NULL = not there */
	uint64_t bad_steps; /* something is wrong with them, so more may follow from it */
	bool aliases;       /* the tree is none */
	bool bad_protocol, bad_flags, bad_after;
};

const yaml_node_t *node_of(struct reader *reader, yaml_node_item_t id);
struct slice scalar_of(const yaml_node_t *node);
/* For messages: only what is printable, and not much of it. */
const char *shown(const yaml_node_t *node, char text[49]);
/* `key:` with nothing behind it, ~ or null. */
bool is_null(const yaml_node_t *node);
struct definition_place place_of(const yaml_node_t *node);

/* About a node; or, with a key, about that key of a map, which is missing there. */
void reader_problem(struct reader *reader, const yaml_node_t *node, const char *missing_key,
		    enum problem_code code, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Sorts the values of a map by the place of their keys in `names`; NULL = not there. `keys` (may be
 * NULL) gets the keys' own nodes. False: it is no map. */
bool take_map(struct reader *reader, const yaml_node_t *map, const char *what,
	      const char *const *names, uint32_t count, const yaml_node_t **values,
	      const yaml_node_t **keys);
bool want_scalar(struct reader *reader, const yaml_node_t *node, const char *key);

/* All leave the value as it is when there is no node, or it holds none. */
void take_name(struct reader *reader, const yaml_node_t *node, const char *key, struct id *name);
void take_duration(struct reader *reader, const yaml_node_t *node, const char *key, uint32_t min_ms,
		   uint32_t max_ms, const char *range, uint32_t *duration_ms);
void take_number(struct reader *reader, const yaml_node_t *node, const char *key, uint32_t decimals,
		 uint32_t min, uint32_t max, const char *range, uint32_t *number);
void take_flag(struct reader *reader, const yaml_node_t *node, const char *key, bool *flag);
void take_retry(struct reader *reader, const yaml_node_t *node, const char *what,
		struct wire_retry *retry);
void take_delivery(struct reader *reader, const yaml_node_t *node, uint32_t *delivery);

enum { DEFINITION_TIMEOUT_MIN_MS = 10, DEFINITION_DAY_MS = 86400000 };
#define DEFINITION_MONTH_MS UINT32_C(2592000000)

/* definition_step_yaml.c: all of them. */
void take_steps(struct reader *reader, const yaml_node_t *node);
/* definition_kind_yaml.c: which operations and flags it has. */
void take_kind(struct reader *reader, uint32_t index, const yaml_node_t *const *keys);
/* definition_input_yaml.c: the templates, once the order of the steps is known. */
void take_inputs(struct reader *reader);

#endif
