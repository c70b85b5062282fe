/* The model's store: linearizable, with revisions and leases, like etcd's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sharding_model.h"

static struct model_kv *find_key(const struct model *m, const char *key)
{
	for (uint32_t i = 0; i < MODEL_KEYS; i++) {
		if (m->kvs[i].key && strcmp(m->kvs[i].key, key) == 0)
			return (struct model_kv *)(uintptr_t)&m->kvs[i];
	}
	return NULL;
}

const struct model_kv *model_get(const struct model *m, const char *key)
{
	return find_key(m, key);
}

const struct model_kv *model_owner(const struct model *m, uint32_t shard)
{
	char key[64];

	(void)snprintf(key, sizeof key, "/sagad/test/shards/%u/owner", shard);
	return find_key(m, key);
}

void model_remove_kv(struct model_kv *kv)
{
	free(kv->key);
	free(kv->value);
	*kv = (struct model_kv){0};
}

static void put_key(struct model *m, const char *key, struct slice value, int64_t lease)
{
	struct model_kv *kv = find_key(m, key);

	for (uint32_t i = 0; !kv; i++) {
		assert_true(i < MODEL_KEYS);
		if (m->kvs[i].key)
			continue;
		kv = &m->kvs[i];
		kv->key = strdup(key);
		kv->create = m->revision;
	}
	free(kv->value);
	kv->value = malloc(value.size + 1);
	assert_non_null(kv->value);
	if (value.size > 0)
		memcpy(kv->value, value.data, value.size);
	kv->value[value.size] = '\0';
	kv->value_size = value.size;
	kv->mod = m->revision;
	kv->lease = lease;
}

void model_put(struct model *m, const char *key, const char *value, int64_t lease)
{
	m->revision++;
	put_key(m, key, slice_str(value), lease);
	model_tell_watchers(m);
}

void model_remove(struct model *m, const char *key)
{
	m->revision++;
	model_remove_kv(find_key(m, key));
	model_tell_watchers(m);
}

void model_end_lease(struct model *m, int64_t id)
{
	bool any = false;

	m->leases[id - 1].alive = false;
	m->revision++;
	for (uint32_t i = 0; i < MODEL_KEYS; i++) {
		if (!m->kvs[i].key || m->kvs[i].lease != id)
			continue;
		model_remove_kv(&m->kvs[i]);
		any = true;
	}
	if (any)
		model_tell_watchers(m);
}

static bool lease_alive(const struct model *m, int64_t id)
{
	return id >= 1 && id <= m->lease_count && m->leases[id - 1].alive;
}

static void apply_txn(struct model *m, const struct lease_request *r, struct lease_result *result)
{
	for (uint32_t i = 0; i < r->compare_count; i++) {
		const struct lease_compare *c = &r->compares[i];
		const struct model_kv *kv = find_key(m, (const char *)c->key.data);
		const int64_t is = !kv                                  ? 0
				   : c->target == LEASE_CREATE_REVISION ? kv->create
									: kv->mod;

		if (is != c->equals)
			return;
	}
	for (uint32_t i = 0; i < r->write_count; i++) {
		if (!r->writes[i].remove && r->writes[i].lease_id != 0 &&
		    !lease_alive(m, r->writes[i].lease_id)) {
			result->error = SAGA_E_LEASE_LOST;
			return;
		}
	}
	m->revision++;
	for (uint32_t i = 0; i < r->write_count; i++) {
		const struct lease_write *w = &r->writes[i];
		const char *key = (const char *)w->key.data;

		if (!w->remove)
			put_key(m, key, w->value, w->lease_id);
		else if (find_key(m, key))
			model_remove_kv(find_key(m, key));
	}
	result->succeeded = true;
	m->writes++;
	model_tell_watchers(m);
}

static void apply_lease(struct model *m, const struct lease_request *r, struct lease_result *result)
{
	struct model_lease *lease;

	if (r->kind == LEASE_GRANT) {
		const uint64_t asked_ms = (uint64_t)r->ttl_s * 1000;

		assert_true(m->lease_count < MODEL_LEASES);
		lease = &m->leases[m->lease_count++];
		lease->ttl_ns = (asked_ms > m->ttl_ms_min ? asked_ms : m->ttl_ms_min) * MODEL_MS;
		lease->alive = true;
		lease->expires_ns = m->now_ns + lease->ttl_ns;
		result->lease_id = m->lease_count;
		result->ttl_s = (uint32_t)(lease->ttl_ns / MODEL_MS / 1000);
		return;
	}
	if (!lease_alive(m, r->lease_id)) {
		result->error = r->kind == LEASE_RENEW ? SAGA_E_LEASE_LOST : 0;
		return;
	}
	if (r->kind == LEASE_REVOKE) {
		model_end_lease(m, r->lease_id);
		return;
	}
	lease = &m->leases[r->lease_id - 1];
	lease->expires_ns = m->now_ns + lease->ttl_ns;
	result->ttl_s = (uint32_t)(lease->ttl_ns / MODEL_MS / 1000);
}

static void apply_range(struct model *m, const struct lease_request *r, struct model_reply *reply)
{
	const char *want = (const char *)r->prefix.data;

	for (uint32_t i = 0; i < MODEL_KEYS; i++) {
		const struct model_kv *kv = &m->kvs[i];
		char *value;

		if (!kv->key || strncmp(kv->key, want, strlen(want)) != 0)
			continue;
		value = malloc(kv->value_size + 1);
		assert_non_null(value);
		memcpy(value, kv->value, kv->value_size + 1);
		reply->kvs[reply->result.kv_count++] = (struct lease_kv){
			.key = slice_str(strdup(kv->key)),
			.value = slice_of(value, kv->value_size),
			.create_revision = kv->create,
			.mod_revision = kv->mod,
			.lease_id = kv->lease,
		};
	}
	reply->result.kvs = reply->kvs;
}

void model_carry_out(struct model *m, const struct lease_request *r, struct model_reply *reply)
{
	if (r->kind == LEASE_TXN)
		apply_txn(m, r, &reply->result);
	else if (r->kind == LEASE_RANGE)
		apply_range(m, r, reply);
	else
		apply_lease(m, r, &reply->result);
}
