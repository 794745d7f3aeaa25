// Dynamic dot-product engine: of the M products of a segment only the active ones (both operands
// non-zero), N of them a cycle. A segment with k active products takes exactly max(1, ceil(k / N))
// cycles, back to back; out holds the sum of the segment.
//
//   zero check | arbiter | N index multiplexers | N multipliers in DSPs, and the sum
//
// ready/valid: while out_valid and not out_ready, the whole engine stands still.
// LATENCY = N + 5 (N = 1: 5) enabled cycles from accepting a segment of one cycle to its result.
module hass_dynamic_engine #(
    parameter int M = 9,
    parameter int N = 2,
    parameter int ACT_BITS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int ACC_BITS = 32
) (
    input  logic                     clk,
    input  logic                     rst,
    input  logic                     in_valid,
    output logic                     in_ready,
    input  logic [M*ACT_BITS-1:0]    in_act,
    input  logic [M*WEIGHT_BITS-1:0] in_weight,
    output logic                     out_valid,
    input  logic                     out_ready,
    output logic [ACC_BITS-1:0]      out
);
    localparam int INDEX_BITS = M > 1 ? $clog2(M) : 1;

    logic enable;

    // zero check
    logic [M-1:0] active;
    genvar i, j;
    generate
        for (i = 0; i < M; i = i + 1) begin : zero_check
            assign active[i] = |in_act[i*ACT_BITS+:ACT_BITS] & |in_weight[i*WEIGHT_BITS+:WEIGHT_BITS];
        end
    endgenerate

    // the segment that is being worked on: its operands, and the active products still to be taken
    logic busy, starts, ends;
    logic [M-1:0] pending, remaining;
    logic [M*ACT_BITS-1:0] act;
    logic [M*WEIGHT_BITS-1:0] weight;
    logic [N*INDEX_BITS-1:0] index;
    logic [N-1:0] granted;
    hass_arbiter #(.M(M), .N(N)) arbiter (.request(pending), .index, .granted, .remaining);
    assign ends = ~|remaining;
    assign in_ready = enable & (!busy | ends);
    always_ff @(posedge clk)
        if (rst) begin
            busy <= 1'b0;
            pending <= '0;
        end else if (enable) begin
            if (in_ready) begin
                busy <= in_valid;
                pending <= active;
            end else pending <= remaining;
        end
    always_ff @(posedge clk)
        if (in_ready) begin
            act <= in_act;
            weight <= in_weight;
        end
    always_ff @(posedge clk) if (enable) starts <= in_ready;

    // the selector's register: indices, and the operands that they point into
    logic selected, first, last;
    logic [N*INDEX_BITS-1:0] where;
    logic [N-1:0] taken;
    logic [M*ACT_BITS-1:0] act_of;
    logic [M*WEIGHT_BITS-1:0] weight_of;
    always_ff @(posedge clk)
        if (rst) selected <= 1'b0;
        else if (enable) selected <= busy;
    always_ff @(posedge clk)
        if (enable) begin
            where <= index;
            taken <= granted;
            first <= starts;
            last <= ends;
            act_of <= act;
            weight_of <= weight;
        end

    // operands of the multipliers; one that has nothing to do multiplies by zero
    logic [N*ACT_BITS-1:0] act_operand;
    logic [N*WEIGHT_BITS-1:0] weight_operand;
    generate
        for (j = 0; j < N; j = j + 1) begin : operand
            logic [ACT_BITS-1:0] a;
            hass_select #(.WORDS(M), .WIDTH(ACT_BITS)) act_select (
                .words(act_of), .index(where[j*INDEX_BITS+:INDEX_BITS]), .word(a));
            hass_select #(.WORDS(M), .WIDTH(WEIGHT_BITS)) weight_select (
                .words(weight_of), .index(where[j*INDEX_BITS+:INDEX_BITS]),
                .word(weight_operand[j*WEIGHT_BITS+:WEIGHT_BITS]));
            assign act_operand[j*ACT_BITS+:ACT_BITS] = taken[j] ? a : '0;
        end
    endgenerate

    hass_sum #(
        .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
    ) sum (
        .clk, .rst, .enable, .in_valid(selected), .in_first(first), .in_last(last),
        .act(act_operand), .weight(weight_operand),
        .start({ACC_BITS{1'b0}}), .start_ready(), .out_valid, .out_ready, .out
    );
endmodule
