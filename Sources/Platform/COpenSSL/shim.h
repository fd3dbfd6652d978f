// OpenSSL 3: headers, and wrappers for its macros.
#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/ocsp.h>
#include <openssl/ocsp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// MARK: TLS (used by SottoTLS)

#include <stddef.h>
#include <stdint.h>

/// Sets every property that Sotto's contexts share; 0 on success, else the step that failed.
static inline int sotto_tls_harden(SSL_CTX *context, const char *ciphers12, const char *suites13, const char *groups, int minimum) {
    SSL_CTX_set_options(
        context,
        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_CIPHER_SERVER_PREFERENCE |
            SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_max_cert_list(context, 32 * 1024);
    SSL_CTX_set_verify_depth(context, 8);
    if (SSL_CTX_set_num_tickets(context, 0) != 1) return 1;
    if (SSL_CTX_set_min_proto_version(context, minimum) != 1) return 2;
    if (SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) != 1) return 3;
    if (SSL_CTX_set_cipher_list(context, ciphers12) != 1) return 4;
    if (SSL_CTX_set_ciphersuites(context, suites13) != 1) return 5;
    if (SSL_CTX_set1_groups_list(context, groups) != 1) return 6;
    return 0;
}

/// A PEM key is never asked a pass phrase for on the terminal: an encrypted key is an error.
static inline int sotto_tls_no_pass_phrase(char *buffer, int size, int writing, void *user) {
    (void)buffer; (void)size; (void)writing; (void)user;
    return -1;
}
static inline EVP_PKEY *sotto_tls_read_private_key(BIO *pem) { return PEM_read_bio_PrivateKey(pem, NULL, sotto_tls_no_pass_phrase, NULL); }
static inline X509 *sotto_tls_read_certificate(BIO *pem) { return PEM_read_bio_X509(pem, NULL, sotto_tls_no_pass_phrase, NULL); }

static inline int sotto_tls_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline int sotto_tls_set_server_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }
static inline void sotto_tls_set_empty_is_retry(BIO *bio) { BIO_set_mem_eof_return(bio, -1); }
static inline int sotto_tls_error_library(unsigned long code) { return ERR_GET_LIB(code); }
static inline int sotto_tls_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

/// Seconds from 1970 to `time`; 0 when it cannot be read.
static inline int64_t sotto_tls_seconds_since_1970(const ASN1_TIME *time) {
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    if (epoch == NULL) return 0;
    int ok = ASN1_TIME_diff(&days, &seconds, epoch, time);
    ASN1_TIME_free(epoch);
    return ok == 1 ? (int64_t)days * 86400 + seconds : 0;
}

static inline GENERAL_NAMES *sotto_tls_alternative_names(X509 *certificate, int *present) {
    int critical = -1;
    GENERAL_NAMES *names = (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, &critical, NULL);
    *present = names != NULL || critical != -1;
    return names;
}
static inline int sotto_tls_name_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline void sotto_tls_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }
/// The bytes of name `index` and its kind (GEN_DNS or GEN_URI); NULL for other kinds.
static inline const unsigned char *sotto_tls_name(const GENERAL_NAMES *names, int index, int *kind, int *count) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name == NULL || (name->type != GEN_DNS && name->type != GEN_URI)) return NULL;
    const ASN1_IA5STRING *text = name->type == GEN_DNS ? name->d.dNSName : name->d.uniformResourceIdentifier;
    *kind = name->type;
    *count = ASN1_STRING_length(text);
    return ASN1_STRING_get0_data(text);
}
/// The last common name of the subject; NULL when there is none.
static inline const unsigned char *sotto_tls_common_name(X509 *certificate, int *count) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    int last = -1;
    for (;;) {
        int next = X509_NAME_get_index_by_NID(subject, NID_commonName, last);
        if (next < 0) break;
        last = next;
    }
    if (last < 0) return NULL;
    const ASN1_STRING *text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last));
    *count = ASN1_STRING_length(text);
    return ASN1_STRING_get0_data(text);
}

/// SHA-256 of the SubjectPublicKeyInfo (DER) into `digest`; 0 when it cannot be told.
static inline int sotto_tls_public_key_info_digest(X509 *certificate, unsigned char digest[32]) {
    unsigned char *der = NULL;
    int count = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    if (count <= 0) return 0;
    unsigned int written = 0;
    int ok = EVP_Digest(der, (size_t)count, digest, &written, EVP_sha256(), NULL);
    OPENSSL_free(der);
    return ok == 1 && written == 32;
}

// MARK: trust, revocation, session tickets, stapled responses (used by SottoTLS)

#include <string.h>
#include <time.h>

/// A list that is missing or overdue revokes nobody; every other failure stands.
static inline int sotto_tls_tolerate(int ok, X509_STORE_CTX *store) {
    if (ok) return 1;
    int error = X509_STORE_CTX_get_error(store);
    if (error != X509_V_ERR_UNABLE_TO_GET_CRL && error != X509_V_ERR_CRL_HAS_EXPIRED) return 0;
    X509_STORE_CTX_set_error(store, X509_V_OK);
    return 1;
}
static inline X509_CRL *sotto_tls_read_revocation(BIO *pem) { return PEM_read_bio_X509_CRL(pem, NULL, sotto_tls_no_pass_phrase, NULL); }
static inline int sotto_tls_is_issuer(X509_CRL *list, X509 *issuer) {
    if (X509_NAME_cmp(X509_CRL_get_issuer(list), X509_get_subject_name(issuer)) != 0) return 0;
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    return key != NULL && X509_CRL_verify(list, key) == 1;
}
static inline void sotto_tls_check_revocation(X509_STORE *store) {
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    X509_STORE_set_verify_cb(store, sotto_tls_tolerate);
}

/// X509_V_OK or why `context` would not take this peer today. `serves`: the peer is a client.
static inline long sotto_tls_judge(SSL_CTX *context, int serves, X509 *leaf, STACK_OF(X509) *chain) {
    X509_STORE_CTX *store = X509_STORE_CTX_new();
    if (store == NULL) return X509_V_ERR_OUT_OF_MEM;
    long verdict = X509_V_ERR_UNSPECIFIED;
    if (X509_STORE_CTX_init(store, SSL_CTX_get_cert_store(context), leaf, chain) == 1) {
        X509_STORE_CTX_set_default(store, serves ? "ssl_client" : "ssl_server");
        X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(store), SSL_CTX_get0_param(context));
        int ok = X509_verify_cert(store);
        verdict = X509_STORE_CTX_get_error(store);
        if (ok != 1 && verdict == X509_V_OK) verdict = X509_V_ERR_UNSPECIFIED;
    }
    X509_STORE_CTX_free(store);
    ERR_clear_error();
    return verdict;
}
/// The same for a live connection; `missing` when the peer came without a certificate.
static inline long sotto_tls_judge_peer(SSL_CTX *context, int serves, SSL *ssl, long missing) {
    X509 *leaf = SSL_get1_peer_certificate(ssl);
    if (leaf == NULL) return missing;
    long verdict = sotto_tls_judge(context, serves, leaf, SSL_get_peer_cert_chain(ssl));
    X509_free(leaf);
    return verdict;
}

/// What a context's callbacks need.
typedef struct {
    void *owner;
    /// Fills 32 bytes of cipher key and 32 of MAC key. `seals`: fills `name`, too; else looks for it. 0: no such key, 1: the newest one,
    /// 2: an older one.
    int (*ticket_key)(void *owner, unsigned char name[16], int seals, unsigned char keys[64]);
    /// A client's: takes over a session of the server `name`, or returns 0.
    int (*keep_session)(void *owner, const char *name, SSL_SESSION *session);
    const unsigned char *staple;
    size_t staple_count;
    int64_t staple_until;
} sotto_tls_state;

static inline int sotto_tls_ticket_keys(
    SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seals
) {
    const sotto_tls_state *state = (const sotto_tls_state *)SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (state == NULL || state->ticket_key == NULL) return 0;
    unsigned char keys[64];
    int found = state->ticket_key(state->owner, name, seals, keys);
    if (found != 0) {
        OSSL_PARAM parameters[3] = {
            OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, keys + 32, 32),
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
            OSSL_PARAM_construct_end(),
        };
        int ok = !seals || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1;
        ok = ok && EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, keys, iv, seals) == 1;
        ok = ok && EVP_MAC_CTX_set_params(mac, parameters) == 1;
        if (!ok) found = seals ? -1 : 0;
    }
    OPENSSL_cleanse(keys, sizeof keys);
    return found;
}
/// A session is resumed only while its peer would be taken today; else a full handshake decides.
static inline SSL_TICKET_RETURN sotto_tls_judge_ticket(
    SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_count, SSL_TICKET_STATUS status, void *unused
) {
    (void)name; (void)name_count; (void)unused;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
    X509 *leaf = SSL_SESSION_get0_peer(session);
    SSL_CTX *context = SSL_get_SSL_CTX(ssl);
    if (leaf == NULL) {
        return SSL_CTX_get_verify_mode(context) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT ? SSL_TICKET_RETURN_IGNORE_RENEW
                                                                                  : SSL_TICKET_RETURN_USE_RENEW;
    }
    if (SSL_CTX_get_verify_mode(context) == SSL_VERIFY_NONE) return SSL_TICKET_RETURN_IGNORE_RENEW;
    return sotto_tls_judge(context, 1, leaf, NULL) == X509_V_OK ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_IGNORE_RENEW;
}
static inline int sotto_tls_staple(SSL *ssl, void *unused) {
    (void)unused;
    const sotto_tls_state *state = (const sotto_tls_state *)SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    if (state == NULL || state->staple == NULL || (int64_t)time(NULL) >= state->staple_until) return SSL_TLSEXT_ERR_NOACK;
    unsigned char *copy = (unsigned char *)OPENSSL_memdup(state->staple, state->staple_count);
    if (copy == NULL) return SSL_TLSEXT_ERR_NOACK;
    if (SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)state->staple_count) != 1) {
        OPENSSL_free(copy);
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_TLSEXT_ERR_OK;
}
/// `state` outlives the context. `scope` (at most 32 bytes): only sessions of the same scope are resumed.
static inline int sotto_tls_serve(SSL_CTX *context, sotto_tls_state *state, const unsigned char *scope, unsigned int scope_count) {
    SSL_CTX_set_app_data(context, (char *)state);
    if (state->staple != NULL && SSL_CTX_set_tlsext_status_cb(context, sotto_tls_staple) != 1) return 0;
    if (SSL_CTX_set_session_id_context(context, scope, scope_count) != 1) return 0;
    if (state->ticket_key == NULL) return 1;
    SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_timeout(context, 3600);
    return SSL_CTX_set_num_tickets(context, 1) == 1 && SSL_CTX_set_max_early_data(context, 0) == 1
        && SSL_CTX_set_tlsext_ticket_key_evp_cb(context, sotto_tls_ticket_keys) == 1
        && SSL_CTX_set_session_ticket_cb(context, NULL, sotto_tls_judge_ticket, NULL) == 1;
}
static inline int sotto_tls_session_made(SSL *ssl, SSL_SESSION *session) {
    const sotto_tls_state *state = (const sotto_tls_state *)SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (state == NULL || state->keep_session == NULL || name == NULL || SSL_SESSION_is_resumable(session) != 1) return 0;
    return state->keep_session(state->owner, name, session);
}
/// A client's context whose sessions go to `state->keep_session`.
static inline void sotto_tls_keep_sessions(SSL_CTX *context, sotto_tls_state *state) {
    SSL_CTX_set_app_data(context, (char *)state);
    SSL_CTX_clear_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, sotto_tls_session_made);
}
/// Seconds since 1970 at which an OCSP response ends; 0: it is none, or not a good one about `leaf`.
static inline int64_t sotto_tls_staple_end(const unsigned char *der, long count, X509 *leaf) {
    const unsigned char *cursor = der;
    int64_t end = 0;
    OCSP_BASICRESP *basic = NULL;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &cursor, count);
    if (response == NULL || cursor != der + count || OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) goto done;
    basic = OCSP_response_get1_basic(response);
    if (basic == NULL) goto done;
    for (int index = 0; index < OCSP_resp_count(basic); index++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, index);
        ASN1_INTEGER *serial = NULL;
        OCSP_id_get0_info(NULL, NULL, NULL, &serial, (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single));
        if (serial == NULL || ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0) continue;
        ASN1_GENERALIZEDTIME *next = NULL;
        if (OCSP_single_get0_status(single, NULL, NULL, NULL, &next) != V_OCSP_CERTSTATUS_GOOD || next == NULL) continue;
        end = sotto_tls_seconds_since_1970(next);
        break;
    }
done:
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return end;
}

// MARK: DTLS-SRTP (used by SottoTLS)

#include <openssl/srtp.h>
#include <sys/time.h>

/// What the library's callbacks need of an association.
typedef struct {
    unsigned char cookie[32];
    unsigned int initial_us;
    unsigned int longest_us;
} sotto_dtls_state;

static inline int sotto_dtls_make_cookie(SSL *ssl, unsigned char *cookie, unsigned int *count) {
    const sotto_dtls_state *state = (const sotto_dtls_state *)SSL_get_app_data(ssl);
    if (state == NULL) return 0;
    memcpy(cookie, state->cookie, sizeof state->cookie);
    *count = sizeof state->cookie;
    return 1;
}
static inline int sotto_dtls_check_cookie(SSL *ssl, const unsigned char *cookie, unsigned int count) {
    const sotto_dtls_state *state = (const sotto_dtls_state *)SSL_get_app_data(ssl);
    return state != NULL && count == sizeof state->cookie && CRYPTO_memcmp(cookie, state->cookie, count) == 0;
}
static inline unsigned int sotto_dtls_next_timer(SSL *ssl, unsigned int current) {
    const sotto_dtls_state *state = (const sotto_dtls_state *)SSL_get_app_data(ssl);
    if (state == NULL) return 1000000;
    if (current == 0) return state->initial_us;
    return current >= state->longest_us / 2 ? state->longest_us : current * 2;
}
/// Certificates of media peers are judged by their fingerprint, after the handshake.
static inline int sotto_dtls_take_any_certificate(X509_STORE_CTX *store, void *unused) {
    (void)store; (void)unused;
    return 1;
}

/// DTLS 1.2 for both roles; 0 on success, else the step that failed.
static inline int sotto_dtls_harden(SSL_CTX *context, const char *ciphers, const char *groups) {
    SSL_CTX_set_options(
        context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET | SSL_OP_NO_QUERY_MTU | SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(context, 2);
    SSL_CTX_set_max_cert_list(context, 16 * 1024);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(context, sotto_dtls_take_any_certificate, NULL);
    SSL_CTX_set_cookie_generate_cb(context, sotto_dtls_make_cookie);
    SSL_CTX_set_cookie_verify_cb(context, sotto_dtls_check_cookie);
    if (SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) != 1) return 1;
    if (SSL_CTX_set_max_proto_version(context, DTLS1_2_VERSION) != 1) return 2;
    if (SSL_CTX_set_cipher_list(context, ciphers) != 1) return 3;
    if (SSL_CTX_set1_groups_list(context, groups) != 1) return 4;
    return 0;
}
static inline int sotto_dtls_prepare(SSL *ssl, int serves, const char *profiles, long mtu, sotto_dtls_state *state) {
    SSL_set_app_data(ssl, (char *)state);
    DTLS_set_timer_cb(ssl, sotto_dtls_next_timer);
    if (SSL_set_mtu(ssl, mtu) <= 0) return 1;
    if (SSL_set_tlsext_use_srtp(ssl, profiles) != 0) return 2;
    if (serves) SSL_set_accept_state(ssl); else SSL_set_connect_state(ssl);
    return 0;
}
/// 1: a hello with our cookie; 0: none yet; negative: the SSL is broken.
static inline int sotto_dtls_listen(SSL *ssl) {
    BIO_ADDR *nobody = BIO_ADDR_new();
    if (nobody == NULL) return -1;
    int verdict = DTLSv1_listen(ssl, nobody);
    BIO_ADDR_free(nobody);
    return verdict;
}
static inline void sotto_dtls_forget(BIO *bio) { (void)BIO_reset(bio); }
static inline long sotto_dtls_handle_timeout(SSL *ssl) { return DTLSv1_handle_timeout(ssl); }
/// Microseconds to the next retransmission; -1 when none is planned.
static inline int64_t sotto_dtls_timeout(SSL *ssl) {
    struct timeval left;
    if (DTLSv1_get_timeout(ssl, &left) != 1) return -1;
    return (int64_t)left.tv_sec * 1000000 + left.tv_usec;
}
/// The IANA number of the SRTP profile; 0 when there is none.
static inline unsigned long sotto_dtls_selected_profile(SSL *ssl) {
    const SRTP_PROTECTION_PROFILE *profile = SSL_get_selected_srtp_profile(ssl);
    return profile == NULL ? 0 : profile->id;
}
/// A certificate for `key` that names nobody; NULL when the library refuses.
static inline X509 *sotto_tls_self_signed(EVP_PKEY *key, int64_t not_before, int64_t not_after) {
    X509 *certificate = X509_new();
    BIGNUM *serial = BN_new();
    if (certificate == NULL || serial == NULL) goto failed;
    if (X509_set_version(certificate, 2) != 1 || BN_rand(serial, 127, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) != 1) goto failed;
    if (BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) == NULL) goto failed;
    if (ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)not_before) == NULL) goto failed;
    if (ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)not_after) == NULL) goto failed;
    X509_NAME *name = X509_get_subject_name(certificate);
    if (X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_ASC, (const unsigned char *)"media", 5, -1, 0) != 1) goto failed;
    if (X509_set_issuer_name(certificate, name) != 1 || X509_set_pubkey(certificate, key) != 1) goto failed;
    if (X509_sign(certificate, key, EVP_sha256()) <= 0) goto failed;
    BN_free(serial);
    return certificate;
failed:
    BN_free(serial);
    X509_free(certificate);
    return NULL;
}

// MARK: test certificates (used by Tests/SottoTestCertificates)

static inline EVP_PKEY *sotto_tls_generate_ec(const char *curve) { return EVP_EC_gen(curve); }
static inline EVP_PKEY *sotto_tls_generate_rsa(size_t bits) { return EVP_RSA_gen(bits); }
static inline int sotto_tls_add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return 0;
    int ok = X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return ok;
}
static inline size_t sotto_tls_memory(BIO *bio, const char **bytes) {
    char *data = NULL;
    long count = BIO_get_mem_data(bio, &data);
    *bytes = data;
    return count > 0 ? (size_t)count : 0;
}
/// A revocation list of one CA that names `serials` of `certificates`; NULL when the library refuses.
static inline X509_CRL *sotto_tls_make_revocation(
    X509 *issuer, EVP_PKEY *key, X509 *const *revoked, int count, int64_t from, int64_t until
) {
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *at = ASN1_TIME_set(NULL, (time_t)from), *next = ASN1_TIME_set(NULL, (time_t)until);
    int ok = list != NULL && at != NULL && next != NULL && X509_CRL_set_version(list, 1) == 1
        && X509_CRL_set_issuer_name(list, X509_get_subject_name(issuer)) == 1 && X509_CRL_set1_lastUpdate(list, at) == 1
        && X509_CRL_set1_nextUpdate(list, next) == 1;
    for (int index = 0; ok && index < count; index++) {
        X509_REVOKED *entry = X509_REVOKED_new();
        ok = entry != NULL && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked[index])) == 1
            && X509_REVOKED_set_revocationDate(entry, at) == 1 && X509_CRL_add0_revoked(list, entry) == 1;
    }
    ok = ok && X509_CRL_sort(list) == 1 && X509_CRL_sign(list, key, EVP_sha256()) > 0;
    ASN1_TIME_free(at);
    ASN1_TIME_free(next);
    if (!ok) {
        X509_CRL_free(list);
        return NULL;
    }
    return list;
}
/// DER of an OCSP response about `leaf`, to be freed with OPENSSL_free; its length, or 0.
static inline int sotto_tls_make_staple(X509 *issuer, EVP_PKEY *key, X509 *leaf, int revoked, int64_t until, unsigned char **der) {
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), leaf, issuer);
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    ASN1_TIME *now = X509_gmtime_adj(NULL, -60), *next = ASN1_TIME_set(NULL, (time_t)until);
    OCSP_basic_add1_status(
        basic, id, revoked ? V_OCSP_CERTSTATUS_REVOKED : V_OCSP_CERTSTATUS_GOOD, 0, revoked ? now : NULL, now, next);
    OCSP_basic_sign(basic, issuer, key, EVP_sha256(), NULL, 0);
    OCSP_RESPONSE *response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    int count = response == NULL ? 0 : i2d_OCSP_RESPONSE(response, der);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(now);
    ASN1_TIME_free(next);
    return count;
}
/// A test client asks for a stapled response, and reads it.
static inline void sotto_tls_ask_staple(SSL *ssl) { SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp); }
static inline long sotto_tls_get_staple(SSL *ssl, const unsigned char **bytes) { return SSL_get_tlsext_status_ocsp_resp(ssl, bytes); }
/// Narrows or widens a context for a test peer that misbehaves: protocol versions and TLS 1.2 ciphers.
static inline int sotto_tls_weaken(SSL_CTX *context, int minimum, int maximum, const char *ciphers12) {
    SSL_CTX_set_security_level(context, 0);
    return SSL_CTX_set_min_proto_version(context, minimum) == 1 && SSL_CTX_set_max_proto_version(context, maximum) == 1
        && (ciphers12 == NULL || SSL_CTX_set_cipher_list(context, ciphers12) == 1);
}

// MARK: keyed hashes (used by SottoCrypto)

/// A ready HMAC context over `digest` ("SHA256", "SHA512"); NULL when the library refuses. Freed with EVP_MAC_CTX_free, which cleanses it.
static inline EVP_MAC_CTX *sotto_hmac_new(const char *digest, const void *key, size_t length) {
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (mac == NULL) return NULL;
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    if (context == NULL) return NULL;
    OSSL_PARAM parameters[2] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest, 0),
        OSSL_PARAM_construct_end(),
    };
    static const unsigned char empty[1] = {0};  // a NULL key would mean "keep the old one"
    if (EVP_MAC_init(context, length > 0 ? (const unsigned char *)key : empty, length, parameters) != 1) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}

static inline EVP_PKEY *sotto_ed25519_private(const unsigned char *seed) {
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
}
static inline EVP_PKEY *sotto_ed25519_public(const unsigned char *key) {
    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
}

// MARK: looking at files of keys and certificates (used by SottoCrypto)

static inline X509_CRL *sotto_read_revocation_list(BIO *pem) {
    return PEM_read_bio_X509_CRL(pem, NULL, sotto_tls_no_pass_phrase, NULL);
}
/// The addresses of a certificate's subjectAltName: name `index`'s 4 or 16 bytes; NULL for other kinds.
static inline const unsigned char *sotto_address_name(const GENERAL_NAMES *names, int index, int *count) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name == NULL || name->type != GEN_IPADD) return NULL;
    *count = ASN1_STRING_length(name->d.iPAddress);
    return ASN1_STRING_get0_data(name->d.iPAddress);
}
