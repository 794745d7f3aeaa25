// Dot-product engine of OUTS filters that skips zero activations: of the M activations of a segment
// only those that are not zero, one a cycle, each broadcast to OUTS multipliers. A segment with k of
// them takes exactly max(1, k) cycles, back to back; out holds carry + the sums of the segment.
//
//   zero check | first one's index | multiplexer, address | OUTS multipliers in DSPs, and the sums
//
// A row of the weight memory is what one activation meets: a weight a filter. Rows lie in the order
// segment, activation; SEGMENTS segments are met again and again. `address` is the row that is wanted
// in the next cycle with `read`, in which `weight` shows it.
// `carry` are the sums of the channels before, wanted in the cycle in which carry_ready is high.
// ready/valid: while out_valid and not out_ready, the whole engine stands still.
// LATENCY = 6 enabled cycles from accepting a segment of one cycle to its result.
module hass_broadcast_engine #(
    parameter int M = 9,
    parameter int OUTS = 4,
    parameter int SEGMENTS = 4,
    parameter int ACT_BITS = 16,
    parameter int WEIGHT_BITS = 16,
    parameter int ACC_BITS = 32,
    parameter int ADDRESS_BITS = SEGMENTS * M > 1 ? $clog2(SEGMENTS * M) : 1
) (
    input  logic                        clk,
    input  logic                        rst,
    input  logic                        in_valid,
    output logic                        in_ready,
    input  logic [M*ACT_BITS-1:0]       in_act,
    output logic                        read,
    output logic [ADDRESS_BITS-1:0]     address,
    input  logic [OUTS*WEIGHT_BITS-1:0] weight,
    input  logic [OUTS*ACC_BITS-1:0]    carry,
    output logic                        carry_ready,
    output logic                        out_valid,
    input  logic                        out_ready,
    output logic [OUTS*ACC_BITS-1:0]    out
);
    localparam int INDEX_BITS = M > 1 ? $clog2(M) : 1;

    logic enable;
    assign read = enable;

    // zero check
    logic [M-1:0] active;
    genvar i;
    generate
        for (i = 0; i < M; i = i + 1) begin : zero_check
            assign active[i] = |in_act[i*ACT_BITS+:ACT_BITS];
        end
    endgenerate

    // the segment that is being worked on: its activations, and those still to be taken
    logic busy, starts, ends;
    logic [M-1:0] pending, remaining;
    logic [M*ACT_BITS-1:0] act;
    logic [INDEX_BITS-1:0] index;
    hass_first #(.M(M)) first_pending (.request(pending), .index, .remaining);
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
    always_ff @(posedge clk) if (in_ready) act <= in_act;
    always_ff @(posedge clk) if (enable) starts <= in_ready;

    // the selector's register: an index, and the activations that it points into
    logic selected, first, last, taken;
    logic [INDEX_BITS-1:0] where;
    logic [M*ACT_BITS-1:0] act_of;
    always_ff @(posedge clk)
        if (rst) selected <= 1'b0;
        else if (enable) selected <= busy;
    always_ff @(posedge clk)
        if (enable) begin
            where <= index;
            taken <= |pending;
            first <= starts;
            last <= ends;
            act_of <= act;
        end

    // the row of the weights: the segment's first one and the index
    generate
        if (SEGMENTS == 1) begin : one_segment
            assign address = ADDRESS_BITS'(where);
        end else begin : several_segments
            localparam logic [ADDRESS_BITS-1:0] LAST = ADDRESS_BITS'((SEGMENTS - 1) * M);
            logic [ADDRESS_BITS-1:0] row, row_of;
            always_ff @(posedge clk)
                if (rst) row <= LAST;
                else if (in_valid & in_ready) row <= row == LAST ? '0 : row + ADDRESS_BITS'(M);
            always_ff @(posedge clk) if (enable) row_of <= row;
            assign address = row_of + ADDRESS_BITS'(where);
        end
    endgenerate

    // the activation waits for its row; where there is none, zero is multiplied
    logic multiplies, is_first, is_last;
    logic [ACT_BITS-1:0] chosen, operand;
    hass_select #(.WORDS(M), .WIDTH(ACT_BITS)) select (
        .words(act_of), .index(where), .word(chosen));
    always_ff @(posedge clk)
        if (rst) multiplies <= 1'b0;
        else if (enable) multiplies <= selected;
    always_ff @(posedge clk)
        if (enable) begin
            operand <= taken ? chosen : '0;
            is_first <= first;
            is_last <= last;
        end

    hass_broadcast_sums #(
        .OUTS(OUTS), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
    ) sums (
        .clk, .rst, .enable, .in_valid(multiplies), .in_first(is_first), .in_last(is_last),
        .act(operand), .weight, .start(carry), .start_ready(carry_ready), .out_valid, .out_ready,
        .out
    );
endmodule
