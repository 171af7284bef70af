/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * ipe-health: the program of ipe-health.service, which runs as root. It becomes the HealthCommand= of ipectld.conf,
 * which it reads itself: ipectld parses input of any user, so it may start the unit, but must not choose the command.
 */

#include <sysexits.h>

#include "config.h"

static void warn(const char *sentence, void *userdata) {
        fprintf(stderr, "%s\n", sentence);
}

int main(int argc, char **argv) {
        Config config = config_default;
        int r;

        if (argc != 1) {
                fprintf(stderr, "Usage: %s; see ipectld.conf(5), HealthCommand=.\n", argv[0]);
                return EX_USAGE;
        }
        r = config_load(config_directories, warn, NULL, &config);
        if (r < 0) {
                fprintf(stderr, "Cannot read the configuration: %s\n", strerror(-r));
                return EX_OSERR;
        }
        if (!config.health_command) {
                fprintf(stderr, "There is no HealthCommand= in ipectld.conf, so there is nothing to run.\n");
                config_done(&config);
                return EX_CONFIG;
        }
        execv(config.health_command[0], config.health_command);
        fprintf(stderr, "Cannot execute '%s': %m\n", config.health_command[0]);
        config_done(&config);
        return EX_UNAVAILABLE;
}
