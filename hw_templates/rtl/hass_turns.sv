// Cuts the M activations of a segment into turns of N, which divides M: a turn a cycle, back to back.
//
// The segment stays at the input until in_ready, so it is stored nowhere else. `step` says that a
// turn is being taken, and the memory of its weights moves on.
module hass_turns #(
    parameter int M = 9,
    parameter int N = 3,
    parameter int BITS = 16
) (
    input  logic              clk,
    input  logic              rst,
    input  logic              enable,
    input  logic              in_valid,
    output logic              in_ready,
    input  logic [M*BITS-1:0] in,
    output logic              step,
    output logic              is_first,
    output logic              is_last,
    output logic [N*BITS-1:0] turn_words
);
    localparam int TURNS = M / N;
    localparam int TURN_BITS = TURNS > 1 ? $clog2(TURNS) : 1;

    logic [TURN_BITS-1:0] turn;
    assign is_first = turn == 0;
    assign step = enable & in_valid;
    assign in_ready = enable & is_last;
    hass_counter #(.SIZE(TURNS)) counter (.clk, .rst, .step, .value(turn), .last(is_last));
    hass_select #(.WORDS(TURNS), .WIDTH(N * BITS)) select (
        .words(in), .index(turn), .word(turn_words));
endmodule
