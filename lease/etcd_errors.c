/* What an error of etcd means to the one who asked: done, not done, or unknown (lease.h). */
#include <string.h>

#include "lease/etcd_codec.h"

/* These are proposed to the cluster: an error after that leaves open whether they take effect. */
static bool etcd_is_write(enum lease_request_kind kind)
{
	return kind == LEASE_GRANT || kind == LEASE_TXN;
}

static bool etcd_says(const char *message, const char *words)
{
	return strstr(message, words) != NULL;
}

/* Refusals of the token or its revision come before anything is proposed. */
static bool etcd_token_refused(int code, const char *message)
{
	if (code == ETCD_GRPC_UNAUTHENTICATED)
		return true;
	return code == ETCD_GRPC_INVALID_ARGUMENT &&
	       (etcd_says(message, "revision of auth store is old") ||
		etcd_says(message, "user name is empty"));
}

int etcd_error_of(enum lease_request_kind kind, int code, const char *message, bool *authenticate)
{
	*authenticate = etcd_token_refused(code, message);
	if (*authenticate || code == ETCD_GRPC_PERMISSION_DENIED)
		return SAGA_E_AUTH;
	switch (code) {
	case ETCD_GRPC_NOT_FOUND: /* the lease, where one is named */
		if (kind == LEASE_REVOKE)
			return 0;
		return kind == LEASE_RENEW || kind == LEASE_TXN ? SAGA_E_LEASE_LOST : SAGA_E_ETCD;
	case ETCD_GRPC_INVALID_ARGUMENT:
	case ETCD_GRPC_RESOURCE_EXHAUSTED:
	case ETCD_GRPC_FAILED_PRECONDITION:
	case ETCD_GRPC_OUT_OF_RANGE:
	case ETCD_GRPC_UNIMPLEMENTED:
		return SAGA_E_ETCD; /* refused before it was proposed */
	case ETCD_GRPC_UNAVAILABLE:
		/* Asked for by our header; the interceptor says so before anything is proposed. */
		if (etcd_says(message, "no leader"))
			return SAGA_E_NO_LEADER;
		break;
	default:
		break;
	}
	return etcd_is_write(kind) ? SAGA_E_UNKNOWN : SAGA_E_ETCD;
}

int etcd_error_of_transfer(enum lease_request_kind kind, bool timed_out, bool maybe_sent)
{
	if (etcd_is_write(kind) && maybe_sent)
		return SAGA_E_UNKNOWN;
	return timed_out ? SAGA_E_TIMEOUT : SAGA_E_ETCD;
}
