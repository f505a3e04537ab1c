/*
 * Stands in for QEMU where only the control plane is measured: it has QEMU's sockets and answers QMP as QEMU would
 * during a migration without disks, and there is no guest. Asked without -pidfile it becomes the real QEMU, so that
 * a host finds out what that one can do.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONTROL, OBSERVER, CONTROL_CLIENT, OBSERVER_CLIENT, LISTENER, PEER, PLACES };

static struct pollfd fds[PLACES];
static char input[2][1 << 16];
static size_t filled[2];
static const char *state = "running", *status = NULL, *uuid = "";
static int incoming;

static void say(int fd, const char *text) {
  if (fd >= 0 && write(fd, text, strlen(text)) < 0) return;
}

static void event(const char *name, const char *data) {
  char line[256];
  snprintf(line, sizeof line, "{\"timestamp\":{\"seconds\":1,\"microseconds\":0},\"event\":\"%s\",\"data\":%s}\r\n", name, data);
  say(fds[CONTROL_CLIENT].fd, line);
}

static void becomes(const char *now) {
  char data[64];
  status = now;
  snprintf(data, sizeof data, "{\"status\":\"%s\"}", now);
  event("MIGRATION", data);
}

static int listen_unix(const char *path) {
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  strncpy(at.sun_path, path, sizeof at.sun_path - 1);
  if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 4) < 0) exit(1);
  return fd;
}

/* tcp:127.0.0.1:4711 */
static struct sockaddr_in address(const char *line) {
  struct sockaddr_in at = {.sin_family = AF_INET};
  char host[64] = "";
  int port = 0;
  const char *uri = strstr(line, "tcp:");
  if (uri != NULL && sscanf(uri, "tcp:%63[0-9.]:%d", host, &port) == 2) {
    inet_pton(AF_INET, host, &at.sin_addr);
    at.sin_port = htons((unsigned short)port);
  }
  return at;
}

static int is(const char *line, const char *command) {
  char wanted[80];
  snprintf(wanted, sizeof wanted, "\"%s\"", command);
  const char *at = strstr(line, "\"execute\":");
  if (at == NULL) at = strstr(line, "\"exec-oob\":");
  return at != NULL && strncmp(strchr(at, ':') + 1, wanted, strlen(wanted)) == 0;
}

static void answer(int fd, const char *line) {
  char text[1024], body[800] = "{}";
  const char *id = strstr(line, "\"id\":");
  int failed = 0, ends = 0;
  if (is(line, "query-status"))
    snprintf(body, sizeof body, "{\"status\":\"%s\",\"running\":%s,\"singlestep\":false}", state, strcmp(state, "running") ? "false" : "true");
  else if (is(line, "query-uuid"))
    snprintf(body, sizeof body, "{\"UUID\":\"%s\"}", uuid);
  else if (is(line, "query-migrate")) {
    if (status != NULL)
      snprintf(body, sizeof body,
               "{\"status\":\"%s\",\"total-time\":5,\"setup-time\":1,\"downtime\":1,\"ram\":{\"transferred\":1048576,\"remaining\":0,"
               "\"total\":16777216,\"dirty-sync-count\":2,\"mbps\":100,\"page-size\":4096}}", status);
  } else if (strstr(line, "query-block") || strstr(line, "query-jobs") || strstr(line, "query-yank"))
    strcpy(body, "[]");
  else if (is(line, "migrate-incoming")) {
    struct sockaddr_in at = address(line);
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(door, (struct sockaddr *)&at, sizeof at) < 0 || listen(door, 1) < 0) {
      close(door);
      failed = 1;
    } else {
      fds[LISTENER] = (struct pollfd){door, POLLIN, 0};
      status = "setup";
    }
  } else if (is(line, "migrate")) {
    struct sockaddr_in at = address(line);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(peer, (struct sockaddr *)&at, sizeof at) < 0) {
      close(peer);
      status = "failed";
    } else {
      fds[PEER] = (struct pollfd){peer, POLLIN, 0};
      status = "active";
    }
  } else if (is(line, "migrate-continue"))
    say(fds[PEER].fd, "C");
  else if (is(line, "migrate_cancel")) {
    state = "running";
    status = "cancelled";
  } else if (is(line, "cont"))
    state = "running";
  else if (is(line, "stop"))
    state = "paused";
  else if (is(line, "quit"))
    ends = 1;
  snprintf(text, sizeof text, failed ? "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Address already in use\"},%s%.12s\r\n" : "{\"return\":%s,%.24s\r\n",
           failed ? "" : body, id == NULL ? "}" : id);
  /* What follows the number of the command belongs to the command. */
  char *number = strstr(text, "\"id\":");
  if (number != NULL) {
    char *end = number + 5 + strspn(number + 5, "0123456789");
    strcpy(end, "}\r\n");
  }
  say(fd, text);
  if (ends) exit(0);
  if (is(line, "migrate") && !strcmp(status, "active")) {
    state = "finish-migrate";
    event("STOP", "{}");
    becomes("pre-switchover");
  }
}

static void serve(int which) {
  struct pollfd *client = &fds[CONTROL_CLIENT + which];
  char *buffer = input[which];
  ssize_t got = read(client->fd, buffer + filled[which], sizeof input[which] - 1 - filled[which]);
  if (got <= 0) {
    close(client->fd);
    client->fd = -1;
    filled[which] = 0;
    return;
  }
  filled[which] += (size_t)got;
  buffer[filled[which]] = 0;
  for (char *end; (end = strchr(buffer, '\n')) != NULL;) {
    *end = 0;
    answer(client->fd, buffer);
    memmove(buffer, end + 1, strlen(end + 1) + 1);
  }
  filled[which] = strlen(buffer);
}

static void greet(int which) {
  int client = accept4(fds[which].fd, NULL, NULL, SOCK_CLOEXEC);
  if (client < 0) return;
  if (fds[CONTROL_CLIENT + which].fd >= 0) close(fds[CONTROL_CLIENT + which].fd);
  fds[CONTROL_CLIENT + which] = (struct pollfd){client, POLLIN, 0};
  filled[which] = 0;
  say(client, "{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,\"major\":7},\"package\":\"\"},\"capabilities\":[\"oob\"]}}\r\n");
}

static void hear_peer(void) {
  char byte;
  if (read(fds[PEER].fd, &byte, 1) != 1) {
    close(fds[PEER].fd);
    fds[PEER].fd = -1;
    return;
  }
  if (incoming) {
    state = "paused";
    becomes("completed");
    say(fds[PEER].fd, "D");
  } else {
    state = "postmigrate";
    becomes("completed");
  }
}

static const char *path_of(const char *argument) {
  static char paths[2][128];
  static int used;
  const char *from = strstr(argument, "path=");
  char *to = paths[used++ % 2];
  if (from == NULL) return NULL;
  snprintf(to, 128, "%.*s", (int)strcspn(from + 5, ","), from + 5);
  return to;
}

int main(int count, char **arguments) {
  const char *control = NULL, *observer = NULL, *pidfile = NULL;
  for (int at = 1; at < count; at++) {
    if (!strcmp(arguments[at], "-pidfile") && at + 1 < count) pidfile = arguments[at + 1];
    if (!strcmp(arguments[at], "-uuid") && at + 1 < count) uuid = arguments[at + 1];
    if (!strcmp(arguments[at], "-incoming")) incoming = 1;
    if (strstr(arguments[at], "socket,id=control,") == arguments[at]) control = path_of(arguments[at]);
    if (strstr(arguments[at], "socket,id=observer,") == arguments[at]) observer = path_of(arguments[at]);
  }
  if (pidfile == NULL || control == NULL || observer == NULL) {
    execvp("qemu-system-x86_64", arguments);
    return 1;
  }
  if (incoming) state = "inmigrate";
  for (int at = 0; at < PLACES; at++) fds[at] = (struct pollfd){-1, POLLIN, 0};
  fds[CONTROL].fd = listen_unix(control);
  fds[OBSERVER].fd = listen_unix(observer);
  FILE *file = fopen(pidfile, "w");
  if (file == NULL) return 1;
  fprintf(file, "%d\n", (int)getpid());
  fclose(file);
  for (;;) {
    if (poll(fds, PLACES, -1) < 0) return 1;
    if (fds[CONTROL].revents) greet(CONTROL);
    if (fds[OBSERVER].revents) greet(OBSERVER);
    if (fds[CONTROL_CLIENT].fd >= 0 && fds[CONTROL_CLIENT].revents) serve(CONTROL);
    if (fds[OBSERVER_CLIENT].fd >= 0 && fds[OBSERVER_CLIENT].revents) serve(OBSERVER);
    if (fds[LISTENER].fd >= 0 && fds[LISTENER].revents) {
      fds[PEER] = (struct pollfd){accept4(fds[LISTENER].fd, NULL, NULL, SOCK_CLOEXEC), POLLIN, 0};
      close(fds[LISTENER].fd);
      fds[LISTENER].fd = -1;
      status = "active";
    }
    if (fds[PEER].fd >= 0 && fds[PEER].revents) hear_peer();
  }
}
