// PocketSphinx 0.8, with wrappers for its variadic configuration.
#pragma once
#include <pocketsphinx.h>
#include <sphinxbase/err.h>
#include <sphinxbase/logmath.h>
#include <sphinxbase/ngram_model.h>

/// PocketSphinx logs hypotheses: its log must never be written.
static inline void sotto_ps_silence(void) { err_set_logfp(NULL); }

/// A decoder without a search. Silence is kept, so that word times count from the utterance's first sample; a little noise is added,
/// because digital silence has no logarithm and spoils the cepstral mean.
static inline ps_decoder_t *sotto_ps_decoder(const char *acoustic_model, const char *dictionary) {
    cmd_ln_t *config = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", acoustic_model, "-dict", dictionary, "-remove_silence", "no", "-dither", "yes", "-seed", "1",
                                   NULL);
    if (config == NULL) return NULL;
    ps_decoder_t *decoder = ps_init(config);
    cmd_ln_free_r(config);
    return decoder;
}

static inline logmath_t *sotto_ps_logmath(void) { return logmath_init(1.0001, 0, 0); }

/// Reads an ARPA or binary model; NULL when it is missing or broken.
static inline ngram_model_t *sotto_ps_model(const char *path, logmath_t *math) {
    cmd_ln_t *config = cmd_ln_init(NULL, ps_args(), TRUE, NULL);  // brings the language weight and the word penalty
    ngram_model_t *model = ngram_model_read(config, path, NGRAM_AUTO, math);
    cmd_ln_free_r(config);
    return model;
}

/// Two models interpolated with equal weight. Takes its own references.
static inline ngram_model_t *sotto_ps_mixed(ngram_model_t *first, ngram_model_t *second) {
    cmd_ln_t *config = cmd_ln_init(NULL, ps_args(), TRUE, NULL);
    ngram_model_t *models[2] = {first, second};
    char *names[2] = {"domain", "general"};
    float32 weights[2] = {0.5f, 0.5f};
    ngram_model_t *set = ngram_model_set_init(config, models, names, weights, 2);
    cmd_ln_free_r(config);
    return set;
}

/// Natural probability of a word by itself.
static inline double sotto_ps_unigram(ngram_model_t *model, logmath_t *math, int32 word) {
    int32 used = 0;
    return logmath_exp(math, ngram_ng_prob(model, word, NULL, 0, &used));
}

static inline uint32 sotto_ps_word_count(ngram_model_t *model) {
    const uint32 *counts = ngram_model_get_counts(model);
    return counts == NULL ? 0 : counts[0];
}
