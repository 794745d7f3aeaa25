// Dense dot-product engine: all M products of a segment, N of them a cycle. N divides M; a segment
// takes exactly M / N cycles, back to back; out holds carry + the sum of the segment.
//
//   operand multiplexer (by turn) | N multipliers in DSPs, and the sum
//
// `weight` holds the weights of the current turn; `step` says that they are being taken.
// `carry` is the sum of the channels before, wanted in the cycle in which carry_ready is high.
// ready/valid: while out_valid and not out_ready, the whole engine stands still.
// LATENCY = N + 3 (N = 1: 3) enabled cycles from the last turn of a segment to its result.
module hass_dense_engine #(
    parameter int M = 9,
    parameter int N = 3,
    parameter int ACT_BITS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int ACC_BITS = 32
) (
    input  logic                     clk,
    input  logic                     rst,
    input  logic                     in_valid,
    output logic                     in_ready,
    input  logic [M*ACT_BITS-1:0]    in_act,
    input  logic [N*WEIGHT_BITS-1:0] weight,
    output logic                     step,
    input  logic [ACC_BITS-1:0]      carry,
    output logic                     carry_ready,
    output logic                     out_valid,
    input  logic                     out_ready,
    output logic [ACC_BITS-1:0]      out
);
    logic enable, is_first, is_last;
    logic [N*ACT_BITS-1:0] act;
    hass_turns #(.M(M), .N(N), .BITS(ACT_BITS)) turns (
        .clk, .rst, .enable, .in_valid, .in_ready, .in(in_act), .step, .is_first, .is_last,
        .turn_words(act));
    hass_sum #(
        .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
    ) sum (
        .clk, .rst, .enable, .in_valid, .in_first(is_first), .in_last(is_last), .act, .weight,
        .start(carry), .start_ready(carry_ready), .out_valid, .out_ready, .out
    );
endmodule
