/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kinds of entries that ipectld and ipe-load write into the journal, and that "ipectl log" reads there: one
 * MESSAGE_ID each; catalog/ explains them.
 */
#ifndef BASIC_MESSAGES_H
#define BASIC_MESSAGES_H

/* A version was verified and stored. */
#define MESSAGE_STAGED "1ea83df0ee6b456a9a2d4cc61686be78"
/* A policy was refused before it was stored. IPE_ERROR= is the error's name, IPE_SOURCE= its origin. */
#define MESSAGE_REJECTED "6c0fe0af3c334a37815d87c6d2db39f1"
/* The kernel does not take a staged version as its next one. IPE_ERROR= is the error's name. */
#define MESSAGE_NOT_HANDED_OVER "c69eef55c4a44f8685c8bde030e3f52c"
/* A version is active on trial, for IPE_TRIAL_SEC= seconds. */
#define MESSAGE_TRIAL "f436b899359244a0b91d8506b9e221c5"
/* A trial ended without a confirmation. */
#define MESSAGE_TRIAL_ENDED "432fb0fbc7024702b6a113c5c9149a17"
/* A version is active now. */
#define MESSAGE_ACTIVATED "9fb3f4380e384130bdf2d5612f129508"
/* A version was confirmed: it stays active beyond a reboot. */
#define MESSAGE_CONFIRMED "c3dd15346cc74d20850acc7a1515ffb5"
/* A version that was confirmed was replaced by another one. */
#define MESSAGE_SUPERSEDED "79f669a5d531412b91c758b6535371d0"
/* A version was given up, and the one before it is active again. */
#define MESSAGE_ROLLED_BACK "2bb81a4483b545579cd9a49fe318a5e4"
/* A rollback needs a reboot: the version before is selected for it. */
#define MESSAGE_ROLLBACK_PENDING "737fd488cc15423db6b81ef81d2d46ac"
/* The kernel refused a version. */
#define MESSAGE_ACTIVATION_FAILED "b18a6b0ff89547ffb3d9e7e9c7bc8830"
/* No policy is wanted from the next boot on. The entry is about the version that the boot would have loaded, if there
 * is one. */
#define MESSAGE_DEACTIVATED "2844757b617d47b2a339414d6fbe8c00"
/* The kernel went back, or confirmed, and the state file could not be written yet. */
#define MESSAGE_BEHIND "840c005d615f44479ad73863530b724f"
/* A version was forgotten on demand. */
#define MESSAGE_DISCARDED "f7bb7392050b4df39b8eb162a032130c"
/* Enforcement was switched on or off. */
#define MESSAGE_ENFORCE "17f64bc444ed466da141638cf875c963"
/* ipe-load: a version is active from boot on. */
#define MESSAGE_LOADED "db2a39efce7344a6a36c7e4156561cb0"
/* ipe-load: a version could not be loaded; the next best is tried. */
#define MESSAGE_LOAD_FAILED "0e91ba1f3d5a42d78300a9cea42dacc9"
/* ipe-load: the kernel already enforces a higher version, so the selected one is not loaded. */
#define MESSAGE_KEPT "7edda1df216d4732a5a38322e4610ad7"
/* ipe-load: no policy is loaded, because of 'ipectl deactivate'. */
#define MESSAGE_NONE_WANTED "346eb37a14694532a3452757da465768"
/* ipe-load: the policy of a file is active from the initrd on; IPE_SOURCE= is the path. */
#define MESSAGE_FILE_LOADED "8c902d1a52574a088ea36ccca2ec8adc"
/* ipe-load: a file of an initrd could not be loaded; IPE_SOURCE= is its path. */
#define MESSAGE_FILE_NOT_LOADED "8f3613fb1b494ab594cffe55f7aa3875"
/* ipe-load: a version on trial is tried in another boot. */
#define MESSAGE_TRIAL_BOOT "fd8b9b11f5b147e4b02ab334ec9d9180"
/* ipe-load: a version on trial is not tried again: it has used up its boots, or they cannot be counted. */
#define MESSAGE_TRIAL_NOT_LOADED "42032236673c44dba4fb2a856b857a98"
/* The state file, or a stored policy, is damaged. */
#define MESSAGE_STATE_DAMAGED "a9d3e65b4f63421297f2c5114aa94b71"
/* A denial: the first of its kind, or IPE_COUNT= of them since the entry before. */
#define MESSAGE_DENIED "6056fba5fda547d48b6fa73e0ee78d56"
/* IPE_COUNT= denials that are not listed by kind, because there were too many. */
#define MESSAGE_DENIALS_MISSED "8fd3620f0f3f4d68864042a4d3812c49"
/* IPE_COUNT= denials that the kernel had kept when the daemon was started. */
#define MESSAGE_DENIALS_BEFORE "67633399bc1344bbafe07e117fa195b4"
/* IPE_COUNT= entries before this one are lost, as journald did not take them in time. */
#define MESSAGE_LOG_LOST "8dac4f50ad134b498957e396a4104a42"
/* A dm-verity volume has appeared. IPE_VOLUME=, IPE_ROOT_HASH=; IPE_SIGNED=1 if the kernel verified a signature of it;
 * IPE_VERDICT= and IPE_RULE= are of the active policy. */
#define MESSAGE_VOLUME "067d0c10e5a44d9f815e59dfb5f32b7f"
/* The same of a volume that the active policy does not trust, once for each policy. */
#define MESSAGE_VOLUME_DENIED "1824fec448fc43e393ecd4664e3adaff"

#endif
