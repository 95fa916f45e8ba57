// The program that holds a pod's namespaces open: waits, and reaps what its pod leaves behind.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void Leave(int signal) { _exit(0); }
static void Reap(int signal) {
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
}

int main(void) {
  struct sigaction leave = {.sa_handler = Leave};
  struct sigaction reap = {.sa_handler = Reap, .sa_flags = SA_NOCLDSTOP};
  sigaction(SIGINT, &leave, NULL);
  sigaction(SIGTERM, &leave, NULL);
  sigaction(SIGCHLD, &reap, NULL);
  for (;;) pause();
}
