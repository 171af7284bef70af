/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The agent's loop: reads commands from the terminal that agent=DEVICE of the kernel command line names,
 * and answers there. See agent.h. The console is left to the kernel.
 *
 * A terminal's input buffer is small, and User-mode Linux never reads again from one that was full. So the other
 * side sends no more than fits before it gets an answer, and breaks a long command into lines: one that ends in a
 * tab goes on in the next, and is answered by a '+'.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define WORDS_MAX 64

void answer_add(struct answer *answer, const void *data, size_t size) {
        answer->data = realloc(answer->data, answer->size + size + 1);
        if (!answer->data)
                abort();
        memcpy(answer->data + answer->size, data, size);
        answer->size += size;
        answer->data[answer->size] = 0;
}

void answer_print(struct answer *answer, const char *format, ...) {
        char text[4096];
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        answer_add(answer, text, (size_t) n < sizeof(text) ? (size_t) n : sizeof(text) - 1);
}

static unsigned int hex_value(char c) {
        return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Splits a line in place; returns the number of words. */
static int split(char *line, struct word *ret) {
        int n = 0;

        for (char *token = strtok(line, " \n"); token && n < WORDS_MAX; token = strtok(NULL, " \n")) {
                char *out = token;

                ret[n].data = token;
                /* '%' alone is the empty word. */
                for (char *in = token; *in; in++) {
                        if (*in != '%')
                                *out++ = *in;
                        else if (in[1] && in[2]) {
                                *out++ = (char) (hex_value(in[1]) << 4 | hex_value(in[2]));
                                in += 2;
                        }
                }
                *out = 0;
                ret[n++].size = (size_t) (out - token);
        }
        return n;
}

static void write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno != EINTR && errno != EAGAIN)
                        abort();
                if (n > 0) {
                        data += n;
                        size -= (size_t) n;
                }
        }
}

static void send_answer(int fd, int error, const struct answer *answer) {
        char *line = malloc(answer->size * 3 + 32), *out = line;

        if (!line)
                abort();
        out += sprintf(out, "= %d ", error);
        for (size_t i = 0; i < answer->size; i++) {
                unsigned char c = (unsigned char) answer->data[i];

                if (c > ' ' && c < 127 && c != '%')
                        *out++ = (char) c;
                else
                        out += sprintf(out, "%%%02x", c);
        }
        *out++ = '\n';
        write_all(fd, line, (size_t) (out - line));
        free(line);
}

int run_verb(struct answer *answer, int argc, struct word *argv) {
        static const struct verb *const tables[] = {
                file_verbs,   memory_verbs, volume_verbs, kernel_verbs, audit_verbs, lifecycle_verbs,
                stress_verbs, event_verbs,  bench_verbs,  stall_verbs,  code_verbs,  attack_verbs,
        };

        for (size_t i = 0; argc > 0 && i < sizeof(tables) / sizeof(*tables); i++)
                for (const struct verb *verb = tables[i]; verb->name; verb++)
                        if (strcmp(verb->name, argv[0].data) == 0)
                                return argc - 1 < verb->min_args || argc - 1 > verb->max_args
                                               ? EDOM
                                               : verb->run(answer, argc - 1, argv + 1);
        return EDOM;
}

static int open_terminal(const char *path) {
        struct termios settings;
        int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

        if (fd < 0 || tcgetattr(fd, &settings) < 0)
                return -1;
        cfmakeraw(&settings);
        settings.c_cflag |= CLOCAL;
        cfsetspeed(&settings, B115200);
        return tcsetattr(fd, TCSANOW, &settings) < 0 ? -1 : fd;
}

static void mount_basics(void) {
        mkdir("/dev", 0755);
        mkdir("/proc", 0755);
        mkdir("/sys", 0755);
        mkdir("/tmp", 0755);
        mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
        mount("proc", "/proc", "proc", 0, NULL);
        mount("sysfs", "/sys", "sysfs", 0, NULL);
        mount("securityfs", "/sys/kernel/security", "securityfs", 0, NULL);
        mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
        mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
}

/* Reads one command into *command, NUL-terminated; returns false at the end of the input. */
static bool read_command(FILE *input, int fd, struct answer *command) {
        static char *line;
        static size_t size;
        ssize_t n;

        command->size = 0;
        while ((n = getline(&line, &size, input)) > 0) {
                bool goes_on = n > 1 && line[n - 2] == '\t';

                answer_add(command, line, (size_t) n - (goes_on ? 2 : 0));
                if (!goes_on)
                        return true;
                write_all(fd, "+\n", 2);
        }
        return false;
}

int main(void) {
        const char *path = getenv("agent");
        struct word words[WORDS_MAX];
        struct answer command = { 0 };
        FILE *input;
        int fd;

        umask(022);
        mount_basics();
        fd = open_terminal(path ? path : "/dev/console");
        input = fd < 0 ? NULL : fdopen(dup(fd), "r");
        if (!input) {
                printf("agent: cannot open %s: %m\n", path ? path : "/dev/console");
                fflush(stdout);
                reboot(RB_POWER_OFF);
        }
        write_all(fd, "= ready\n", 8);
        while (read_command(input, fd, &command)) {
                struct answer answer = { 0 };
                int n = split(command.data, words);

                send_answer(fd, run_verb(&answer, n, words), &answer);
                free(answer.data);
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
        }
        reboot(RB_POWER_OFF);
        return 1;
}
