// libopus, with typed wrappers for its variadic controls.
#pragma once
#include <opus/opus.h>

// Voice at 16 kHz mono: wideband at most. The first control that fails ends it.
static inline int sotto_opus_encoder_configure(OpusEncoder *encoder, opus_int32 bitrate, opus_int32 complexity, opus_int32 variable,
                                               opus_int32 corrects_errors, opus_int32 discontinuous) {
    int result = opus_encoder_ctl(encoder, OPUS_SET_BITRATE(bitrate));
    if (result == OPUS_OK) result = opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(complexity));
    if (result == OPUS_OK) result = opus_encoder_ctl(encoder, OPUS_SET_VBR(variable));
    if (result == OPUS_OK) result = opus_encoder_ctl(encoder, OPUS_SET_VBR_CONSTRAINT(1));
    if (result == OPUS_OK) result = opus_encoder_ctl(encoder, OPUS_SET_SIGNAL(OPUS_SIGNAL_VOICE));
    if (result == OPUS_OK) result = opus_encoder_ctl(encoder, OPUS_SET_MAX_BANDWIDTH(OPUS_BANDWIDTH_WIDEBAND));
    if (result == OPUS_OK) result = opus_encoder_ctl(encoder, OPUS_SET_INBAND_FEC(corrects_errors));
    if (result == OPUS_OK) result = opus_encoder_ctl(encoder, OPUS_SET_DTX(discontinuous));
    return result;
}

static inline int sotto_opus_encoder_reset(OpusEncoder *encoder) { return opus_encoder_ctl(encoder, OPUS_RESET_STATE); }
static inline int sotto_opus_decoder_reset(OpusDecoder *decoder) { return opus_decoder_ctl(decoder, OPUS_RESET_STATE); }

// Percent, 0 to 100.
static inline int sotto_opus_encoder_expect_loss(OpusEncoder *encoder, opus_int32 percent) {
    return opus_encoder_ctl(encoder, OPUS_SET_PACKET_LOSS_PERC(percent));
}
