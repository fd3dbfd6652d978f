// libsrtp2 as the SRTP room uses it: contexts made from a profile and a key in one call.
#pragma once
#include <srtp2/srtp.h>
#include <string.h>

enum {
    SOTTO_SRTP_AEAD_AES_256_GCM = 0,
    SOTTO_SRTP_AEAD_AES_128_GCM = 1,
    SOTTO_SRTP_AES_128_CM_SHA1_80 = 2,
    SOTTO_SRTP_AES_128_CM_SHA1_32 = 3,
    SOTTO_SRTP_AES_256_CM_SHA1_80 = 4,
};

/// Fills `policy` for a profile. The key stays where it is: libsrtp derives its session keys from it and forgets the pointer.
static inline int sotto_srtp_policy(srtp_policy_t *policy, int profile, const void *key, unsigned long window) {
    memset(policy, 0, sizeof *policy);
    switch (profile) {
    case SOTTO_SRTP_AEAD_AES_256_GCM:
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_256_16_auth(&policy->rtcp);
        break;
    case SOTTO_SRTP_AEAD_AES_128_GCM:
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
        break;
    case SOTTO_SRTP_AES_128_CM_SHA1_80:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
        break;
    case SOTTO_SRTP_AES_128_CM_SHA1_32:
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_32(&policy->rtp);
        // RFC 3711 §5.2, RFC 4568 §6.2: the short tag is for RTP alone.
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy->rtcp);
        break;
    case SOTTO_SRTP_AES_256_CM_SHA1_80:
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtp);
        srtp_crypto_policy_set_aes_cm_256_hmac_sha1_80(&policy->rtcp);
        break;
    default:
        return srtp_err_status_bad_param;
    }
    policy->key = (unsigned char *)(uintptr_t)key;
    policy->window_size = window;
    policy->allow_repeat_tx = 0;
    return srtp_err_status_ok;
}

/// A context that opens what any SSRC sends under this key.
static inline int sotto_srtp_create_receiver(srtp_t *context, int profile, const void *key, unsigned long window) {
    srtp_policy_t policy;
    int status = sotto_srtp_policy(&policy, profile, key, window);
    if (status) return status;
    policy.ssrc.type = ssrc_any_inbound;
    status = srtp_create(context, &policy);
    explicit_bzero(&policy, sizeof policy);
    return status;
}

/// Adds a stream of one SSRC to a receiver: its rollover counter can be set before its first packet.
static inline int sotto_srtp_add_receiver(srtp_t context, int profile, const void *key, unsigned long window, uint32_t ssrc) {
    srtp_policy_t policy;
    int status = sotto_srtp_policy(&policy, profile, key, window);
    if (status) return status;
    policy.ssrc.type = ssrc_specific;
    policy.ssrc.value = ssrc;
    status = srtp_add_stream(context, &policy);
    explicit_bzero(&policy, sizeof policy);
    return status;
}

/// A context that protects what any SSRC sends.
static inline int sotto_srtp_create_sender(srtp_t *context, int profile, const void *key, unsigned long window) {
    srtp_policy_t policy;
    int status = sotto_srtp_policy(&policy, profile, key, window);
    if (status) return status;
    policy.ssrc.type = ssrc_any_outbound;
    status = srtp_create(context, &policy);
    explicit_bzero(&policy, sizeof policy);
    return status;
}
