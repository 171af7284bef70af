/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Includes the headers that cmocka needs before itself, and runs tests. */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Runs an array of struct CMUnitTest and prints TAP; the value of main(). */
#define run_tests_as_tap(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests(tests, NULL, NULL))

#endif
