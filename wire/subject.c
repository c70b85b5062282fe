#include "wire/subject.h"

#include <stdio.h>

#include "base/check.h"
#include "base/id.h"
#include "wire/admin.h"
#include "wire/shard.h"

static const char *const verb_names[SUBJECT_VERBS] = {
	[SUBJECT_SUBMIT] = "submit", [SUBJECT_QUERY] = "query",   [SUBJECT_CANCEL] = "cancel",
	[SUBJECT_REPLY] = "reply",   [SUBJECT_LIST] = "list",     [SUBJECT_HISTORY] = "history",
	[SUBJECT_ENLIST] = "enlist", [SUBJECT_COMMIT] = "commit", [SUBJECT_INQUIRE] = "inquire",
};

/* Longest: two names, a dozen of fixed characters a token, two numbers. */
_Static_assert(2 * ID_SIZE_MAX + 64 < SUBJECT_SIZE_MAX, "every subject fits");

static void check_prefix(const char *prefix)
{
	CHECK(id_valid(slice_str(prefix)));
}

static struct subject subject_fixed(const char *prefix, const char *rest)
{
	struct subject subject;

	check_prefix(prefix);
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.%s", prefix, rest);
	return subject;
}

struct subject subject_info(const char *prefix)
{
	return subject_fixed(prefix, "info");
}

struct subject subject_init(const char *prefix)
{
	return subject_fixed(prefix, "init");
}

struct subject subject_alert(const char *prefix)
{
	return subject_fixed(prefix, "alert");
}

struct subject subject_admin(const char *prefix, uint32_t verb, struct slice party)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK(wire_admin_verb_name(verb) != NULL);
	CHECK(id_valid(party));
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.admin.%s.%.*s", prefix,
		       wire_admin_verb_name(verb), (int)party.size, (const char *)party.data);
	return subject;
}

struct subject subject_admin_all(const char *prefix)
{
	return subject_fixed(prefix, "admin.*.*");
}

struct subject subject_ops_operation(const char *prefix, struct slice id)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK(id_valid(id));
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.ops.op.%.*s", prefix, (int)id.size,
		       (const char *)id.data);
	return subject;
}

struct subject subject_ops_shard(const char *prefix, uint32_t shard)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.ops.shard.%u", prefix, shard);
	return subject;
}

struct subject subject_shard(const char *prefix, uint32_t shard, enum subject_verb verb,
			     struct slice party)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	CHECK_LT(verb, SUBJECT_VERBS);
	CHECK(id_valid(party));
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.shard.%u.%s.%.*s", prefix, shard,
		       verb_names[verb], (int)party.size, (const char *)party.data);
	return subject;
}

struct subject subject_shard_all(const char *prefix, uint32_t shard)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.shard.%u.>", prefix, shard);
	return subject;
}

static struct subject subject_service(const char *prefix, const char *kind, struct slice service)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK(id_valid(service));
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.%s.%.*s", prefix, kind,
		       (int)service.size, (const char *)service.data);
	return subject;
}

struct subject subject_command(const char *prefix, struct slice service)
{
	return subject_service(prefix, "cmd", service);
}

struct subject subject_call(const char *prefix, struct slice service)
{
	return subject_service(prefix, "call", service);
}

struct subject subject_history(const char *prefix, uint32_t shard)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.history.%u", prefix, shard);
	return subject;
}

struct subject subject_journal(const char *prefix, uint32_t shard, uint32_t segment)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.journal.%u.%u", prefix, shard,
		       segment);
	return subject;
}

struct subject subject_submit(const char *prefix, struct slice tenant)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK(id_valid(tenant));
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.submit.%.*s", prefix,
		       (int)tenant.size, (const char *)tenant.data);
	return subject;
}

struct subject subject_submit_all(const char *prefix)
{
	return subject_fixed(prefix, "submit.*");
}

struct subject subject_inbox(const char *prefix, uint32_t shard, struct slice tenant)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	CHECK(id_valid(tenant));
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.inbox.%u.%.*s", prefix, shard,
		       (int)tenant.size, (const char *)tenant.data);
	return subject;
}

struct subject subject_inbox_all(const char *prefix, uint32_t shard)
{
	struct subject subject;

	check_prefix(prefix);
	CHECK_LT(shard, WIRE_SHARDS_MAX);
	(void)snprintf(subject.text, sizeof subject.text, "%s.v1.inbox.%u.*", prefix, shard);
	return subject;
}

/* Takes the text up to the next '.' off the front of `rest`, and the '.' too. */
static struct slice next_token(struct slice *rest)
{
	uint32_t size = 0;

	while (size < rest->size && rest->data[size] != '.')
		size++;
	const struct slice token = slice_of(rest->data, size);
	const uint32_t taken = size < rest->size ? size + 1 : size;
	*rest = slice_of(rest->data == NULL ? NULL : rest->data + taken, rest->size - taken);
	return token;
}

static bool parse_shard_number(struct slice token, uint32_t *shard)
{
	uint32_t number = 0;

	/* One spelling for each shard, else permissions by subject could be walked around. */
	if (token.size == 0 || token.size > 3 || (token.size > 1 && token.data[0] == '0'))
		return false;
	for (uint32_t i = 0; i < token.size; i++) {
		if (token.data[i] < '0' || token.data[i] > '9')
			return false;
		number = number * 10 + (token.data[i] - '0');
	}
	*shard = number;
	return number < WIRE_SHARDS_MAX;
}

static bool parse_verb(struct slice token, enum subject_verb *verb)
{
	for (uint32_t i = 0; i < SUBJECT_VERBS; i++) {
		if (slice_equal(token, slice_str(verb_names[i]))) {
			*verb = (enum subject_verb)i;
			return true;
		}
	}
	return false;
}

int subject_parse_shard(const char *prefix, struct slice subject, uint32_t *shard,
			enum subject_verb *verb, struct slice *party)
{
	struct slice rest = subject;

	if (!slice_equal(next_token(&rest), slice_str(prefix)) ||
	    !slice_equal(next_token(&rest), slice_str("v1")) ||
	    !slice_equal(next_token(&rest), slice_str("shard")))
		return SAGA_E_NAME;

	uint32_t number = 0;
	enum subject_verb found = SUBJECT_SUBMIT;
	if (!parse_shard_number(next_token(&rest), &number) ||
	    !parse_verb(next_token(&rest), &found))
		return SAGA_E_NAME;
	if (!id_valid(rest)) /* also refuses further tokens: a name holds no '.' */
		return SAGA_E_NAME;
	*shard = number;
	*verb = found;
	*party = rest;
	return 0;
}

int subject_parse_submit(const char *prefix, struct slice subject, struct slice *tenant)
{
	struct slice rest = subject;

	if (!slice_equal(next_token(&rest), slice_str(prefix)) ||
	    !slice_equal(next_token(&rest), slice_str("v1")) ||
	    !slice_equal(next_token(&rest), slice_str("submit")) || !id_valid(rest))
		return SAGA_E_NAME;
	*tenant = rest;
	return 0;
}

int subject_parse_admin(const char *prefix, struct slice subject, uint32_t *verb,
			struct slice *party)
{
	struct slice rest = subject;
	uint32_t found;

	if (!slice_equal(next_token(&rest), slice_str(prefix)) ||
	    !slice_equal(next_token(&rest), slice_str("v1")) ||
	    !slice_equal(next_token(&rest), slice_str("admin")))
		return SAGA_E_NAME;
	found = wire_admin_verb_find(next_token(&rest));
	if (found == 0 || !id_valid(rest))
		return SAGA_E_NAME;
	*verb = found;
	*party = rest;
	return 0;
}

int subject_parse_inbox(const char *prefix, struct slice subject, uint32_t *shard,
			struct slice *tenant)
{
	struct slice rest = subject;
	uint32_t number = 0;

	if (!slice_equal(next_token(&rest), slice_str(prefix)) ||
	    !slice_equal(next_token(&rest), slice_str("v1")) ||
	    !slice_equal(next_token(&rest), slice_str("inbox")) ||
	    !parse_shard_number(next_token(&rest), &number) || !id_valid(rest))
		return SAGA_E_NAME;
	*shard = number;
	*tenant = rest;
	return 0;
}

bool subject_is_request(struct slice subject)
{
	struct slice rest = subject;

	(void)next_token(&rest); /* the prefix */
	if (!slice_equal(next_token(&rest), slice_str("v1")))
		return false;
	const struct slice what = next_token(&rest);
	if (slice_equal(what, slice_str("submit")))
		return rest.size > 0;
	if (!slice_equal(what, slice_str("shard")))
		return false;
	(void)next_token(&rest); /* its number */
	return rest.size > 0 &&
	       !slice_equal(next_token(&rest), slice_str(verb_names[SUBJECT_REPLY]));
}
