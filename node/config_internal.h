/* How the parts of config_load work together; nobody else includes this.
 *
 * A layer hands each "key = text" it finds to config_set with the place where it stands, so that
 * every complaint names a line, a variable or a flag. Complaints collect; nothing stops at the
 * first.
 */
#ifndef SAGAD_NODE_CONFIG_INTERNAL_H
#define SAGAD_NODE_CONFIG_INTERNAL_H

#include <stddef.h>

#include "node/config.h"

enum config_type {
	CONFIG_TEXT,     /* char[] */
	CONFIG_NAME,     /* char[]: what may stand in a subject token */
	CONFIG_URLS,     /* char[]: one or several, comma-separated */
	CONFIG_FILE,     /* char[]: must be readable when it is given */
	CONFIG_LISTEN,   /* char[]: address:port to listen on, or empty */
	CONFIG_ID,       /* struct id */
	CONFIG_DURATION, /* uint32_t, ms */
	CONFIG_SIZE,     /* uint64_t, bytes */
	CONFIG_U32,      /* uint32_t */
	CONFIG_BOOL,     /* bool */
	CONFIG_LIST,     /* char[CONFIG_LIST_MAX][64] and nats_inbox_prefix_count */
	CONFIG_ENUM      /* int: index in `words` */
};

struct config_key {
	const char *name;
	enum config_type type;
	uint32_t offset;          /* in struct config */
	uint32_t size;            /* of the member */
	uint64_t min;             /* of a number; for texts 1 = may not be empty */
	uint64_t max;             /* of a number */
	const char *initial;      /* the default as text; NULL: see config_initial */
	const char *const *words; /* of an enum, NULL-terminated */
	const char *help;
};

enum { CONFIG_KEYS_MAX = 64, CONFIG_PLACE_MAX = 512, CONFIG_ENV_MAX = 64 };

extern const struct config_key config_keys[];
extern const uint32_t config_key_count;

/* Index of a key, or config_key_count. */
uint32_t config_find(const char *name);
/* "nats.tls.ca_file" -> "SAGAD_NATS_TLS_CA_FILE". */
void config_env_name(const struct config_key *key, char name[CONFIG_ENV_MAX]);
const char *config_type_name(enum config_type type);
/* The default as text; that of node.id is the host's name, and comes into `memory`. */
const char *config_initial(const struct config_key *key, char memory[ID_SIZE_MAX + 1]);

/* Reads `text` into the key's member. On error the member is unchanged and `why` says what a right
 * value looks like. (config_value.c) */
int config_parse(const struct config_key *key, const char *text, struct config *config,
		 struct buf *why) MUST_CHECK;
/* The value as text that config_parse takes. */
void config_format(const struct config_key *key, const struct config *config, struct buf *out);

enum config_layer {
	CONFIG_LAYER_DEFAULT,
	CONFIG_LAYER_FILE,
	CONFIG_LAYER_ENVIRONMENT,
	CONFIG_LAYER_FLAG
};

struct config_loader {
	struct config *config;
	struct buf *errors;
	uint32_t error_count;
	struct {
		enum config_layer layer;
		char place[CONFIG_PLACE_MAX];
	} source[CONFIG_KEYS_MAX]; /* who set it last */
};

/* "place: text" as a line of its own. */
void config_complain(struct config_loader *loader, const char *place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* `key` is an index. A second value from the file is a mistake, the later of two flags wins. */
void config_set(struct config_loader *loader, enum config_layer layer, const char *place,
		uint32_t key, const char *text);
/* "unknown key ..." with the nearest name. */
void config_complain_unknown(struct config_loader *loader, const char *place, const char *name);

/* The layers. */
void config_read_yaml(struct config_loader *loader, const char *path);
void config_read_environment(struct config_loader *loader, char **env);

struct config_flag_value {
	uint32_t key;
	const char *value;
	char place[CONFIG_ENV_MAX + 16]; /* "--set nats.url" */
};
struct config_flags {
	enum config_action action;
	const char *file; /* --config */
	struct config_flag_value values[128];
	uint32_t count;
};
/* Complains about what is wrong; the values are for later, when their turn has come. */
void config_read_flags(struct config_loader *loader, int argc, char **argv,
		       struct config_flags *flags);

/* What no key can tell alone. (config_check.c) */
void config_cross_check(struct config_loader *loader);

#endif
