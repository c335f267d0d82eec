/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A function for the spawner's test: static, run as a sandbox's program. It tells on
 * standard output, one "name value" a line, what it finds or what an attempt ends in
 * ("ok" or the errno's name), or ends in the way it is told to.
 */
extern char **environ;

static const char *ending(long result)
{
    return result >= 0 ? "ok" : strerrorname_np(errno);
}

static void tell_attempt(const char *name, long result)
{
    const char *end = ending(result);

    printf("%s %s\n", name, end);
    if (result > 2)
        close((int)result);
}

static void tell_fds(void)
{
    printf("fds");
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf(" %d", fd);
    printf("\n");
}

static void tell_folder(const char *name, const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    int count = 0;

    while (folder && (entry = readdir(folder)))
        count += entry->d_name[0] != '.';
    printf("%s %d\n", name, folder ? count : -1);
    if (folder)
        closedir(folder);
}

/* The lines of /proc/self/status that matter here, as they are. */
static void tell_status(void)
{
    static const char *const wanted[] = {"Cap", "NoNewPrivs", "Seccomp:", "Groups"};
    FILE *status = fopen("/proc/self/status", "re");
    char line[256];

    while (status && fgets(line, sizeof line, status))
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (strncmp(line, wanted[i], strlen(wanted[i])) == 0)
                fputs(line, stdout);
    if (status)
        fclose(status);
}

static void tell_line(const char *name, const char *path)
{
    FILE *file = fopen(path, "re");
    char line[256] = "";

    if (file && fgets(line, sizeof line, file))
        line[strcspn(line, "\n")] = '\0';
    if (file)
        fclose(file);
    printf("%s %s\n", name, line);
}

static long try_connect(const char *address, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, address, &to.sin_addr);
    long result = connect(fd, (struct sockaddr *)&to, sizeof to);
    int keep = errno;
    close(fd);
    errno = keep;
    return result;
}

static long try_read(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    long result = fd < 0 ? -1 : read(fd, &byte, 1);

    if (result == 0) {
        errno = ENODATA;
        result = -1;
    }
    int keep = errno;
    if (fd >= 0)
        close(fd);
    errno = keep;
    return result;
}

static void tell_files(void)
{
    char cwd[256];
    struct statfs tmp;

    printf("cwd %s\n", getcwd(cwd, sizeof cwd));
    tell_folder("folder/", "/");
    tell_folder("folder/opt", "/opt");
    tell_folder("folder/var", "/var");
    tell_folder("folder/var/task", "/var/task");
    tell_folder("folder/var/runtime", "/var/runtime");
    tell_folder("folder/sys", "/sys");
    tell_folder("folder/root", "/root");
    tell_folder("folder/home", "/home");
    tell_attempt("read/etc/passwd", try_read("/etc/passwd"));
    tell_attempt("read/etc/shadow", try_read("/etc/shadow"));
    tell_attempt("read/proc/kallsyms", try_read("/proc/kallsyms"));
    tell_attempt("read/proc/keys", try_read("/proc/keys"));
    tell_attempt("read/proc/config.gz", try_read("/proc/config.gz"));
    tell_attempt("read/proc/1/environ", try_read("/proc/1/environ"));
    tell_attempt("read/proc/meminfo", try_read("/proc/meminfo"));
    tell_attempt("read/dev/urandom", try_read("/dev/urandom"));
    tell_attempt("list/proc/1/fd", open("/proc/1/fd", O_RDONLY | O_CLOEXEC));
    tell_attempt("write/usr", open("/usr/probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    tell_attempt("write/etc", open("/etc/probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    tell_attempt("write/", open("/probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    tell_attempt("write/var/task", open("/var/task/probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    tell_attempt("write/var/task/bootstrap", open("/var/task/bootstrap", O_WRONLY | O_CLOEXEC));
    tell_attempt("chmod/var/task/bootstrap", chmod("/var/task/bootstrap", 06777));
    tell_attempt("write/proc/sys", open("/proc/sys/kernel/hostname", O_WRONLY | O_CLOEXEC));
    tell_attempt("write/.init", open("/.init", O_WRONLY | O_CLOEXEC));
    tell_attempt("write/tmp", open("/tmp/probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    tell_attempt("write/dev/shm", open("/dev/shm/probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    tell_attempt("write/dev/null", open("/dev/null", O_WRONLY | O_CLOEXEC));
    tell_attempt("mknod/tmp", mknod("/tmp/device", S_IFCHR | 0666, 0x103));
    tell_attempt("stat/tmp", statfs("/tmp", &tmp));
    printf("tmp_bytes %lld\n", (long long)tmp.f_blocks * (long long)tmp.f_bsize);
}

static void tell_network(void)
{
    tell_attempt("socket/netlink", socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0));
    tell_attempt("socket/vsock", socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
    tell_attempt("socket/packet", socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    tell_attempt("socket/raw", socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1));
    tell_attempt("socket/unix", socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    tell_attempt("connect/runtime", try_connect("127.0.0.1", 9001));
    tell_attempt("connect/api", try_connect("127.0.0.1", 9000));
    tell_attempt("connect/gateway", try_connect("127.0.0.1", 8080));
    tell_attempt("connect/other", try_connect("127.0.0.1", 9002));
    tell_attempt("connect/outside", try_connect("10.255.255.1", 80));
    tell_attempt("connect/metadata", try_connect("169.254.169.254", 80));
}

static void tell_privileges(void)
{
    tell_attempt("mount", syscall(SYS_mount, "tmpfs", "/tmp", "tmpfs", 0, NULL));
    tell_attempt("umount", syscall(SYS_umount2, "/proc", 2));
    tell_attempt("unshare", unshare(CLONE_NEWUSER));
    tell_attempt("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
    tell_attempt("ptrace", syscall(SYS_ptrace, 0, 0, 0, 0));
    tell_attempt("bpf", syscall(SYS_bpf, 0, NULL, 0));
    tell_attempt("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
    tell_attempt("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
    tell_attempt("chroot", chroot("/tmp"));
    tell_attempt("setuid", setuid(0));
    tell_attempt("sethostname", sethostname("x", 1));
    tell_attempt("kill/init", kill(1, SIGKILL));
}

static int report(void)
{
    char host[64] = "";

    gethostname(host, sizeof host);
    tell_fds();
    for (char **variable = environ; *variable; variable++)
        printf("env %s\n", *variable);
    printf("ids %u %u %u %u\n", getuid(), geteuid(), getgid(), getegid());
    tell_line("oom_score", "/proc/self/oom_score_adj");
    tell_line("cgroup", "/proc/self/cgroup");
    printf("pids %d %d\n", getpid(), getppid());
    printf("timer_slack_us %d\n", prctl(PR_GET_TIMERSLACK) / 1000);
    printf("host %s\n", host);
    tell_status();
    tell_files();
    tell_network();
    tell_privileges();
    printf("end\n");
    fflush(stdout);
    return 0;
}

/* A child that outlives its parent, holding the log open. */
static int leave_child(void)
{
    if (fork() == 0)
        pause();
    return 0;
}

static __attribute__((noreturn)) void bomb(void)
{
    for (;;)
        if (fork() < 0) {
            printf("full\n");
            fflush(stdout);
            pause();
        }
}

/* Touches memory until none is left; in a child when told, so that the function itself
 * would survive. */
static int eat(int in_child)
{
    if (in_child && fork() > 0)
        for (;;)
            pause();
    for (;;) {
        char *at = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
            return 12;
        memset(at, 1, 1 << 20);
    }
}

static int fill(const char *path)
{
    static char block[1 << 16];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    long long written = 0;
    ssize_t len;

    while ((len = write(fd, block, sizeof block)) > 0)
        written += len;
    printf("%s %lld\n", strerrorname_np(errno), written);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "report";
    int number = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;

    if (strcmp(what, "exit") == 0)
        return number;
    if (strcmp(what, "signal") == 0)
        return raise(number);
    if (strcmp(what, "wait") == 0) {
        printf("waiting\n");
        fflush(stdout);
        for (;;)
            pause();
    }
    if (strcmp(what, "leave") == 0)
        return leave_child();
    if (strcmp(what, "bomb") == 0)
        bomb();
    if (strcmp(what, "eat") == 0)
        return eat(number);
    if (strcmp(what, "fill") == 0)
        return fill(argv[2]);
    return report();
}
