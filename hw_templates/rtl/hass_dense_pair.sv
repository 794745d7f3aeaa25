// Two dense engines in one: two filters see the same M activations of a segment, and the products of
// an activation with the weights of both come from one multiplier.
//
// N multipliers do the work of 2 * N, in the cycles of a dense engine: M / N a segment, back to back.
// A word of the weight memory is the N weights of filter 0, then those of filter 1; carry and out
// lie in the same order. All else is as in hass_dense_engine; hass_pair_sum says which N and bits
// are allowed.
// LATENCY = N + 4 enabled cycles from the last turn of a segment to its result.
module hass_dense_pair #(
    parameter int M = 9,
    parameter int N = 3,
    parameter int ACT_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int ACC_BITS = 32,
    parameter int SHIFT = 18
) (
    input  logic                       clk,
    input  logic                       rst,
    input  logic                       in_valid,
    output logic                       in_ready,
    input  logic [M*ACT_BITS-1:0]      in_act,
    input  logic [2*N*WEIGHT_BITS-1:0] weight,
    output logic                       step,
    input  logic [2*ACC_BITS-1:0]      carry,
    output logic                       carry_ready,
    output logic                       out_valid,
    input  logic                       out_ready,
    output logic [2*ACC_BITS-1:0]      out
);
    logic enable, is_first, is_last;
    logic [N*ACT_BITS-1:0] act;
    hass_turns #(.M(M), .N(N), .BITS(ACT_BITS)) turns (
        .clk, .rst, .enable, .in_valid, .in_ready, .in(in_act), .step, .is_first, .is_last,
        .turn_words(act));
    hass_pair_sum #(
        .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS), .SHIFT(SHIFT)
    ) sum (
        .clk, .rst, .enable, .in_valid, .in_first(is_first), .in_last(is_last), .act, .weight,
        .start(carry), .start_ready(carry_ready), .out_valid, .out_ready, .out
    );
endmodule
