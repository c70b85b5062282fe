/* Keeps the customers' balances: reserve, release. */
#include "examples/travel/service.h"

int main(int argc, char **argv)
{
	return travel_main(argc, argv, &travel_user);
}
