// Dense dot-product engine: all M products of a segment, N of them a cycle. N divides M; a segment
// takes exactly M / N cycles, back to back; out holds carry + the sum of the segment.
//
//   operand multiplexer (by turn) | N multipliers in DSPs, and the sum
//
// The segment stays at the input until in_ready, so it is stored nowhere else. `weight` holds the
// weights of the current turn; `step` says that they are being taken, and the memory moves on.
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
    localparam int TURNS = M / N;
    localparam int TURN_BITS = TURNS > 1 ? $clog2(TURNS) : 1;

    logic enable;
    assign enable = !out_valid | out_ready;

    logic [TURN_BITS-1:0] turn;
    logic is_first, is_last;
    assign is_first = turn == 0;
    assign is_last = turn == TURNS - 1;
    assign step = enable & in_valid;
    assign in_ready = enable & is_last;
    always_ff @(posedge clk)
        if (rst) turn <= '0;
        else if (step) turn <= is_last ? '0 : turn + 1'b1;

    logic [N*ACT_BITS-1:0] turn_act;
    hass_select #(.WORDS(TURNS), .WIDTH(N * ACT_BITS)) act_select (
        .words(in_act), .index(turn), .word(turn_act));

    logic has_operands, operands_first, operands_last;
    logic [N*ACT_BITS-1:0] act_operand;
    logic [N*WEIGHT_BITS-1:0] weight_operand;
    always_ff @(posedge clk)
        if (rst) has_operands <= 1'b0;
        else if (enable) has_operands <= in_valid;
    always_ff @(posedge clk)
        if (enable) begin
            act_operand <= turn_act;
            weight_operand <= weight;
            operands_first <= is_first;
            operands_last <= is_last;
        end

    hass_sum #(
        .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
    ) sum (
        .clk, .rst, .enable,
        .in_valid(has_operands), .in_first(operands_first), .in_last(operands_last),
        .act(act_operand), .weight(weight_operand),
        .start(carry), .start_ready(carry_ready), .out_valid, .out
    );
endmodule
