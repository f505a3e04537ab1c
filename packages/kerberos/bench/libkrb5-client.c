/*
 * The same exchanges with MIT's library in one process, for comparison: prints the median milliseconds of each as
 * "AS 1.23". Arguments: keytab, client, target, user, rounds, and "proxy" if S4U2Proxy shall be measured too.
 */
#include <krb5/krb5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Exported by the library and used by GSS-API's S4U, but not in its public header. */
krb5_error_code KRB5_CALLCONV krb5_get_credentials_for_user(krb5_context, krb5_flags, krb5_ccache, krb5_creds *,
                                                            krb5_data *, krb5_creds **);

static krb5_context context;

static void check(krb5_error_code code, const char *what)
{
    if (code == 0)
        return;
    fprintf(stderr, "%s: %s\n", what, krb5_get_error_message(context, code));
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int ascending(const void *left, const void *right)
{
    double difference = *(const double *)left - *(const double *)right;
    return difference < 0 ? -1 : difference > 0;
}

static void report(const char *name, double *samples, int count)
{
    qsort(samples, count, sizeof(double), ascending);
    printf("%s %.4f\n", name, samples[count / 2]);
}

static krb5_principal parse(const char *name)
{
    krb5_principal principal;
    check(krb5_parse_name(context, name, &principal), name);
    return principal;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    check(krb5_init_context(&context), "krb5_init_context");
    krb5_keytab keytab;
    check(krb5_kt_resolve(context, argv[1], &keytab), "keytab");
    krb5_principal self = parse(argv[2]), target = parse(argv[3]), user = parse(argv[4]);
    int rounds = atoi(argv[5]), with_proxy = argc > 6;
    double *samples = calloc(rounds, sizeof(double));
    krb5_get_init_creds_opt *options;
    check(krb5_get_init_creds_opt_alloc(context, &options), "options");
    krb5_get_init_creds_opt_set_forwardable(options, 1);

    krb5_creds tgt;
    for (int i = 0; i < rounds; i++) {
        if (i > 0)
            krb5_free_cred_contents(context, &tgt);
        memset(&tgt, 0, sizeof tgt);
        double start = now();
        check(krb5_get_init_creds_keytab(context, &tgt, self, keytab, 0, NULL, options), "AS");
        samples[i] = now() - start;
    }
    report("AS", samples, rounds);

    krb5_ccache cache;
    check(krb5_cc_new_unique(context, "MEMORY", NULL, &cache), "cache");
    check(krb5_cc_initialize(context, cache, self), "cache");
    check(krb5_cc_store_cred(context, cache, &tgt), "cache");

    for (int i = 0; i < rounds; i++) {
        krb5_creds in = { 0 }, *out;
        in.client = self;
        in.server = target;
        double start = now();
        check(krb5_get_credentials(context, KRB5_GC_NO_STORE, cache, &in, &out), "TGS");
        samples[i] = now() - start;
        krb5_free_creds(context, out);
    }
    report("TGS", samples, rounds);

    krb5_creds *evidence = NULL;
    for (int i = 0; i < rounds; i++) {
        krb5_creds in = { 0 };
        in.client = user;
        in.server = self;
        if (evidence != NULL)
            krb5_free_creds(context, evidence);
        double start = now();
        check(krb5_get_credentials_for_user(context, KRB5_GC_NO_STORE, cache, &in, NULL, &evidence), "S4U2Self");
        samples[i] = now() - start;
    }
    report("S4U2Self", samples, rounds);

    for (int i = 0; with_proxy && i < rounds; i++) {
        krb5_creds in = { 0 }, *out;
        in.client = self;
        in.server = target;
        in.second_ticket = evidence->ticket;
        double start = now();
        check(krb5_get_credentials(context, KRB5_GC_NO_STORE | KRB5_GC_CONSTRAINED_DELEGATION, cache, &in, &out),
              "S4U2Proxy");
        samples[i] = now() - start;
        krb5_free_creds(context, out);
    }
    if (with_proxy)
        report("S4U2Proxy", samples, rounds);
    return 0;
}
