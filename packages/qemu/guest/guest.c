// What runs inside the test guest: loads that a live migration has to cope with, and a heartbeat that shows
// how long the guest stood still. One static program with one subcommand per load.
//
//   guest fill MIB                    memory that does not compress, written once
//   guest dirty MIB RATE              rewrites a working set of MIB at RATE MiB per second
//   guest echo                        UDP echo on port 7
//   guest heartbeat USEC [IP PORT]    a tick every USEC; a datagram per tick; a line per second on stdout
//   guest disk DEVICE MIB RATE        sequence-numbered, checksummed blocks at RATE KiB per second
//
// Heartbeat datagram, little-endian, 40 bytes:
//   "WBYBEAT1" | u64 sequence | u64 guest monotonic ns | u64 largest gap so far, ns | u64 acknowledged disk sequence
// Disk block, little-endian, 4096 bytes:
//   "WBYBLK01" | u64 sequence (from 1) | u64 block number | u32 CRC-32 of the block with this field zero | u32 0 | filler
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096
#define PAGE 4096
#define SECOND 1000000000ull

struct shared {
  volatile uint64_t acknowledged; // highest disk sequence whose write has returned
};

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t next_random(uint64_t *state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}

static struct shared *shared_page(void) {
  int fd = open("/tmp/waybill-shared", O_RDWR | O_CREAT, 0600);
  if (fd < 0 || ftruncate(fd, PAGE) != 0) return NULL;
  void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  return page == MAP_FAILED ? NULL : page;
}

static uint64_t *memory(size_t mebibytes, uint64_t *state) {
  size_t size = mebibytes << 20;
  uint64_t *words = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (words == MAP_FAILED) {
    perror("mmap");
    exit(1);
  }
  for (size_t i = 0; i < size / sizeof *words; i++) words[i] = next_random(state);
  return words;
}

static void fill(size_t mebibytes) {
  uint64_t state = 88172645463325252ull;
  memory(mebibytes, &state);
  printf("FILLED mib=%zu\n", mebibytes);
  fflush(stdout);
  for (;;) pause();
}

static void dirty(size_t mebibytes, double rate) {
  uint64_t state = 88172645463325252ull, counter = 1;
  char *base = (char *)memory(mebibytes, &state);
  size_t pages = (mebibytes << 20) / PAGE, page = 0;
  double pages_per_ns = rate * (1 << 20) / PAGE / SECOND, done = 0;
  uint64_t start = now(), reported = start, written = 0;
  printf("DIRTYING mib=%zu\n", mebibytes);
  fflush(stdout);
  for (;;) {
    uint64_t t = now();
    double wanted = (double)(t - start) * pages_per_ns;
    // A guest that stood still does not catch up on what it missed.
    if (wanted - done > pages_per_ns * SECOND / 5) start = t, done = 0, wanted = 0;
    for (int burst = 0; done < wanted && burst < 4096; burst++, done++, written++) {
      *(volatile uint64_t *)(base + page * PAGE) = counter++;
      page = page + 1 < pages ? page + 1 : 0;
    }
    if (t - reported >= SECOND) {
      printf("DIRTY mib_per_s=%.1f\n", (double)written * PAGE / (1 << 20) * SECOND / (double)(t - reported));
      fflush(stdout);
      reported = t, written = 0;
    }
    usleep(1000);
  }
}

static int echo(void) {
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7)};
  if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0) return 1;
  for (;;) {
    char data[2048];
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    ssize_t n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &length);
    if (n > 0) sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, length);
  }
}

static void heartbeat(long microseconds, const char *ip, int port) {
  struct shared *shared = shared_page();
  int fd = -1;
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  if (ip != NULL && inet_pton(AF_INET, ip, &to.sin_addr) == 1) fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  uint64_t sequence = 0, last = now(), largest = 0, second = 0, reported = last;
  for (;;) {
    struct timespec pause = {.tv_sec = microseconds / 1000000, .tv_nsec = microseconds % 1000000 * 1000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
    uint64_t t = now(), gap = t - last;
    last = t;
    sequence++;
    if (gap > largest) largest = gap;
    if (gap > second) second = gap;
    uint64_t acknowledged = shared == NULL ? 0 : shared->acknowledged;
    if (fd >= 0) {
      uint64_t datagram[5] = {0, sequence, t, largest, acknowledged};
      memcpy(datagram, "WBYBEAT1", 8);
      sendto(fd, datagram, sizeof datagram, 0, (struct sockaddr *)&to, sizeof to);
    }
    if (t - reported >= SECOND) {
      printf("HEARTBEAT seq=%llu gap_us=%llu largest_us=%llu disk=%llu\n", (unsigned long long)sequence,
             (unsigned long long)(second / 1000), (unsigned long long)(largest / 1000), (unsigned long long)acknowledged);
      fflush(stdout);
      reported = t, second = 0;
    }
  }
}

static uint32_t crc_table[256];

static uint32_t crc32(const unsigned char *data, size_t length) {
  if (crc_table[1] == 0)
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
      crc_table[i] = c;
    }
  uint32_t crc = ~0u;
  for (size_t i = 0; i < length; i++) crc = crc_table[(crc ^ data[i]) & 255] ^ (crc >> 8);
  return ~crc;
}

struct header {
  char magic[8];
  uint64_t sequence, block;
  uint32_t crc, zero;
};

static int block_is_sound(unsigned char *block) {
  struct header *header = (struct header *)block;
  if (memcmp(header->magic, "WBYBLK01", 8) != 0) return 0;
  uint32_t crc = header->crc;
  header->crc = 0;
  int sound = crc32(block, BLOCK) == crc;
  header->crc = crc;
  return sound;
}

// Odd multiplier on a power of two: every block once per round, in scattered order.
static uint64_t block_of(uint64_t sequence, uint64_t blocks) { return sequence * 2654435761ull & (blocks - 1); }

static int disk(const char *device, size_t mebibytes, double rate) {
  struct shared *shared = shared_page();
  int fd = open(device, O_RDWR | O_DIRECT | O_DSYNC);
  void *buffer;
  if (fd < 0 || posix_memalign(&buffer, BLOCK, BLOCK) != 0) {
    perror(device);
    return 1;
  }
  uint64_t blocks = (mebibytes << 20) / BLOCK, sequence = 0;
  while (blocks & (blocks - 1)) blocks &= blocks - 1;
  // A guest started again goes on where the last one stopped, unless the disk is empty.
  ssize_t probe = pread(fd, buffer, BLOCK, (off_t)(block_of(1, blocks) * BLOCK));
  if (probe == BLOCK && block_is_sound(buffer))
    for (uint64_t block = 0; block < blocks; block++)
      if (pread(fd, buffer, BLOCK, (off_t)(block * BLOCK)) == BLOCK && block_is_sound(buffer) &&
          ((struct header *)buffer)->sequence > sequence)
        sequence = ((struct header *)buffer)->sequence;
  double per_ns = rate * 1024 / BLOCK / SECOND, done = 0;
  uint64_t start = now(), reported = start, slowest = 0;
  printf("DISK device=%s blocks=%llu from=%llu\n", device, (unsigned long long)blocks, (unsigned long long)sequence + 1);
  fflush(stdout);
  for (;;) {
    uint64_t t = now();
    double wanted = (double)(t - start) * per_ns;
    if (wanted - done > per_ns * SECOND / 5 + 2) start = t, done = 0, wanted = 1;
    if (done < wanted) {
      uint64_t next = sequence + 1, state = next, *words = buffer;
      for (size_t i = sizeof(struct header) / 8; i < BLOCK / 8; i++) words[i] = next_random(&state);
      struct header header = {.sequence = next, .block = block_of(next, blocks)};
      memcpy(header.magic, "WBYBLK01", 8);
      memcpy(buffer, &header, sizeof header);
      ((struct header *)buffer)->crc = crc32(buffer, BLOCK);
      uint64_t before = now();
      if (pwrite(fd, buffer, BLOCK, (off_t)(header.block * BLOCK)) != BLOCK) {
        printf("DISK-ERROR seq=%llu %s\n", (unsigned long long)next, strerror(errno));
        fflush(stdout);
        sleep(1);
        continue;
      }
      uint64_t took = now() - before;
      if (took > slowest) slowest = took;
      sequence = next;
      if (shared != NULL) shared->acknowledged = sequence;
      done++;
    } else {
      usleep(1000);
    }
    if (t - reported >= SECOND) {
      printf("DISK acked=%llu slowest_us=%llu\n", (unsigned long long)sequence, (unsigned long long)(slowest / 1000));
      fflush(stdout);
      reported = t, slowest = 0;
    }
  }
}

int main(int count, char **argument) {
  const char *what = count > 1 ? argument[1] : "";
  if (strcmp(what, "fill") == 0 && count == 3) fill((size_t)atol(argument[2]));
  if (strcmp(what, "dirty") == 0 && count == 4) dirty((size_t)atol(argument[2]), atof(argument[3]));
  if (strcmp(what, "echo") == 0) return echo();
  if (strcmp(what, "heartbeat") == 0 && count == 3) heartbeat(atol(argument[2]), NULL, 0);
  if (strcmp(what, "heartbeat") == 0 && count == 5) heartbeat(atol(argument[2]), argument[3], atoi(argument[4]));
  if (strcmp(what, "disk") == 0 && count == 5) return disk(argument[2], (size_t)atol(argument[3]), atof(argument[4]));
  fprintf(stderr, "usage: guest fill|dirty|echo|heartbeat|disk …\n");
  return 2;
}
