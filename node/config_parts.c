#include "lease/etcd.h"
#include "node/config.h"
#include "transport/nats.h"
#include "txn/txn.h"

static const char *text(const char *value)
{
	return value[0] == '\0' ? NULL : value;
}

void config_nats(const struct config *config, struct nats_config *nats)
{
	*nats = (struct nats_config){
		.url = config->nats_url,
		.name = config->node_id.text,
		.inbox_prefix = config->nats_inbox_prefixes[0],
		.credentials_file = text(config->nats_credentials_file),
		.nkey_seed_file = text(config->nats_nkey_seed_file),
		.user = text(config->nats_user),
		.password_file = text(config->nats_password_file),
		.token_file = text(config->nats_token_file),
		.tls_ca_file = text(config->nats_tls.ca_file),
		.tls_cert_file = text(config->nats_tls.cert_file),
		.tls_key_file = text(config->nats_tls.key_file),
		.tls_required = config->nats_tls.required,
	};
}

void config_etcd(const struct config *config, struct etcd_config *etcd)
{
	*etcd = (struct etcd_config){
		.endpoints = config->etcd_endpoints,
		.user = text(config->etcd_user),
		.password_file = text(config->etcd_password_file),
		.tls_ca_file = text(config->etcd_tls.ca_file),
		.tls_cert_file = text(config->etcd_tls.cert_file),
		.tls_key_file = text(config->etcd_tls.key_file),
	};
}

struct txn_limits config_limits(const struct config *c)
{
	return (struct txn_limits){.open_max = c->limit_open_sagas,
				   .remembered_max = c->limit_remembered,
				   .branches_max = c->limit_branches,
				   .waiters_max = c->limit_waiters,
				   .parked_max = c->limit_parked,
				   .payload_max = c->limit_payload};
}
