/* The commands: one table; what each is given; what they share. */
#ifndef SAGAD_CLI_COMMAND_H
#define SAGAD_CLI_COMMAND_H

#include <saga.h>

#include "cli/cluster.h"
#include "cli/exit_code.h"
#include "cli/options.h"
#include "cli/output.h"
#include "wire/message.h"
#include "wire/shard.h"

struct cli;

struct command {
	const char *path;      /* "sagas list" */
	const char *arguments; /* "ID", or "" */
	const char *summary;
	const char *details; /* for --help: what to know, and examples */
	uint64_t options;    /* OPTION_BIT of its own */
	uint32_t argument_min, argument_max;
	enum cli_exit (*run)(struct cli *cli);
};
extern const struct command cli_commands[];
extern const uint32_t cli_command_count;

/* Where connections go. Texts are borrowed. */
struct cli_server {
	const char *url;
	const char *prefix;
};

struct cli {
	struct cli_parsed parsed;
	const struct command *command;
	const char *const *arguments; /* after the command's words */
	uint32_t argument_count;
	struct cli_server server;
	const char *actor; /* from the environment; NULL = not given */
	uint32_t timeout_ms;
	bool notices; /* tell people what they wait for */
	struct {
		enum saga_answer answer;
		uint32_t timeout_ms;
	} waiting; /* of commands that wait for a saga */
	struct output output;
};

/* Prints what the output holds, before something is said on standard error about it. */
void cli_flush(struct cli *cli);

/* All of sagactl: returns the exit code. `env` as main gets it. Writes to the standard streams. */
int cli_main(int argc, char **argv, char **env);

/* ---- finding (command.c) ------------------------------------------------------------------- */

/* The command that the words begin with, and how many words that took. NULL: `why` says what is
 * missing or what was meant. `group` is set when the words are the name of a group. */
const struct command *cli_find(const char *const *words, uint32_t count, uint32_t *used,
			       const char **group, struct buf *why);
/* SAGA_E_USAGE when a flag is given that the command does not take. */
int cli_check_options(const struct command *command, const struct cli_parsed *parsed,
		      struct buf *why) MUST_CHECK;

/* ---- help (help.c) ------------------------------------------------------------------------- */

void help_all(struct buf *out);
void help_group(const char *group, struct buf *out);
void help_command(const struct command *command, struct buf *out);

/* ---- failing (fail.c) ---------------------------------------------------------------------- */

/* "error[SAGA-nnnn]: text" and a hint on standard error; returns the exit code. */
enum cli_exit cli_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum cli_exit cli_fail_without_hint(int error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same with the error's own text, and of whom it speaks: "saga x". */
enum cli_exit cli_fail_plain(int error, const char *about);
enum cli_exit cli_usage(const struct command *command, const struct buf *why);

/* ---- asking (ask.c) ------------------------------------------------------------------------ */

enum { INFO_ARENA_SIZE = 256 * 1024 };

/* The cluster as one node sees it. */
struct cluster_view {
	struct cluster_link *link;
	struct cluster_request request;
	void *memory; /* of the arena */
	struct wire_info info;
	struct wire_slots slots; /* when info.code == 0 */
};
/* Connects and asks. On failure it has said so, and returns the exit code; close it in any case.
 * With `initialised` a cluster without init is a failure. */
enum cli_exit cluster_view_open(struct cli *cli, bool verbose, bool initialised,
				struct cluster_view *view);
void cluster_view_close(struct cluster_view *view);
/* Encodes `body` into a request to the owner of a shard, or to anyone with another subject. */
int cluster_request_make(struct cluster_request *r, const struct subject *subject,
			 enum wire_kind kind, const void *body, cluster_judge judge) MUST_CHECK;
struct subject cli_shard_subject(const struct cli *cli, uint32_t shard, enum subject_verb verb);
/* Options for libsaga. */
void cli_saga_options(const struct cli *cli, struct saga_options *options);
void cli_nats_config(const struct cli *cli, struct nats_config *config);

/* ---- commands ------------------------------------------------------------------------------ */

enum cli_exit command_init(struct cli *cli);
enum cli_exit command_status(struct cli *cli);
enum cli_exit command_nodes_list(struct cli *cli);
enum cli_exit command_shards_list(struct cli *cli);
enum cli_exit command_nodes_show(struct cli *cli);
enum cli_exit command_nodes_drain(struct cli *cli);
enum cli_exit command_nodes_undrain(struct cli *cli);
enum cli_exit command_nodes_cordon(struct cli *cli);
enum cli_exit command_nodes_uncordon(struct cli *cli);
enum cli_exit command_nodes_remove(struct cli *cli);
enum cli_exit command_shards_show(struct cli *cli);
enum cli_exit command_shards_explain(struct cli *cli);
enum cli_exit command_shards_history(struct cli *cli);
enum cli_exit command_shards_rebalance(struct cli *cli);
enum cli_exit command_shards_move(struct cli *cli);
enum cli_exit command_shards_pin(struct cli *cli);
enum cli_exit command_shards_unpin(struct cli *cli);
enum cli_exit command_shards_freeze(struct cli *cli);
enum cli_exit command_shards_unfreeze(struct cli *cli);
enum cli_exit command_ops_list(struct cli *cli);
enum cli_exit command_ops_show(struct cli *cli);
enum cli_exit command_ops_pause(struct cli *cli);
enum cli_exit command_ops_resume(struct cli *cli);
enum cli_exit command_ops_cancel(struct cli *cli);
enum cli_exit command_ops_throttle(struct cli *cli);
enum cli_exit command_sagas_submit(struct cli *cli);
enum cli_exit command_sagas_wait(struct cli *cli);
enum cli_exit command_sagas_cancel(struct cli *cli);
enum cli_exit command_sagas_list(struct cli *cli);
enum cli_exit command_sagas_show(struct cli *cli);
enum cli_exit command_definitions_validate(struct cli *cli);
enum cli_exit command_definitions_graph(struct cli *cli);
enum cli_exit command_definitions_test(struct cli *cli);
enum cli_exit command_explain_error(struct cli *cli);
enum cli_exit command_version(struct cli *cli);

#endif
