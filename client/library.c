/* Only in the shared library: a broken CHECK inside somebody's program says where before it ends
 * the process. Programs that link the archive install a sink of their own. */
#include "base/check.h"
#include "base/os_log.h"

__attribute__((constructor)) static void library_open(void)
{
	check_set_sink(log_check_sink);
}
