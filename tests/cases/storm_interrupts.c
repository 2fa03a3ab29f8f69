// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts and NMIs come down on all CPUs while sessions come and go on what is
 * called there, and on what they call.
 */
#include <unistd.h>

#include "rain.h"
#include "storm.h"

CASE(storm_interrupts,
     "interrupts and NMIs on all CPUs call, and take stacks through the stub",
     .timeout = 900)
{
	rain_start("fsession_test_arg2");
	storm_begin(6, STORM_SINGLES | STORM_MULTIS | STORM_KILLS);
	while (storm_lasts())
		usleep(10000);
	rain_end();
	storm_end();
}
