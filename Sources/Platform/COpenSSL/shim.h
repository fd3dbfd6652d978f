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

// MARK: DTLS-SRTP (used by SottoTLS)

#include <openssl/srtp.h>
#include <string.h>
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
