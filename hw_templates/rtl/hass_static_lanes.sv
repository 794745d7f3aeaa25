// GROUPS x OUTS x INS static engines that read rows of one memory, a row a cycle; lane (g, o, i) is
// number (g * OUTS + o) * INS + i.
//
// A beat at the input holds a segment of M activations for each (g, i), and stays until the row with
// its mark; meanwhile each lane works through its FILTERS filters, whose ends are marked for each
// lane. Lanes that are done before the fullest wait. With one filter there is no order to keep, and
// all are done at the window's mark. CHUNKS beats make one position: its sums go out with the last of
// them, a beat of all lanes per filter, in the order of the filters.
// A row: for each lane FINE times an index and, above it, a weight; a mark for each lane; the
// window's mark. `step` says that it is taken. `starts` says of each lane that it begins a window.
module hass_static_lanes #(
    parameter int GROUPS = 1,
    parameter int OUTS = 2,
    parameter int INS = 2,
    parameter int M = 9,
    parameter int FINE = 2,
    parameter int FILTERS = 4,
    parameter int CHUNKS = 2,
    parameter int ACT_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int ACC_BITS = 32,
    parameter int LANES = GROUPS * OUTS * INS,
    parameter int WORD_BITS = WEIGHT_BITS + $clog2(M),
    parameter int ROW_BITS = LANES * (FINE * WORD_BITS + 1) + 1
) (
    input  logic                             clk,
    input  logic                             rst,
    input  logic                             in_valid,
    output logic                             in_ready,
    input  logic [GROUPS*INS*M*ACT_BITS-1:0] in,
    input  logic                             row_valid,
    input  logic [ROW_BITS-1:0]              row,
    output logic                             step,
    output logic                             out_valid,
    input  logic                             out_ready,
    output logic [LANES*ACC_BITS-1:0]        out,
    output logic [LANES-1:0]                 starts
);
    localparam int INDEX_BITS = M > 1 ? $clog2(M) : 1;
    localparam int MARKS = LANES * FINE * WORD_BITS;  // where they begin

    logic is_window_end, is_fresh;
    // verilator lint_off UNUSEDSIGNAL
    logic [LANES-1:0] marks;  // a single filter ends with the window
    // verilator lint_on UNUSEDSIGNAL
    logic [LANES-1:0] moves, lane_valid, lane_ready;
    assign marks = row[MARKS+:LANES];
    assign is_window_end = row[ROW_BITS-1];
    assign in_ready = row_valid & &moves & is_window_end;
    assign step = in_valid & row_valid & &moves;
    always_ff @(posedge clk)
        if (rst) is_fresh <= 1'b1;
        else if (step) is_fresh <= is_window_end;
    assign starts = {LANES{step & is_fresh}};
    hass_join #(.LANES(LANES)) join_lanes (
        .in_valid(lane_valid), .in_ready(lane_ready), .out_valid, .out_ready);

    genvar l, f;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            localparam int SOURCE = l / (OUTS * INS) * INS + l % INS;
            logic is_last, works, carry_ready, result_valid, result_ready, sum_valid, sum_ready;
            logic [FINE*WEIGHT_BITS-1:0] weight;
            logic [FINE*INDEX_BITS-1:0] index;
            logic [ACC_BITS-1:0] carry, result;
            for (f = 0; f < FINE; f = f + 1) begin : slot
                localparam int PLACE = (l * FINE + f) * WORD_BITS;
                assign weight[f*WEIGHT_BITS+:WEIGHT_BITS] = row[PLACE+$clog2(M)+:WEIGHT_BITS];
                if (M > 1) begin : several
                    assign index[f*INDEX_BITS+:INDEX_BITS] = row[PLACE+:INDEX_BITS];
                end else begin : one
                    assign index[f] = 1'b0;
                end
            end
            if (FILTERS == 1) begin : single
                assign is_last = is_window_end;
                assign works = 1'b1;
            end else begin : several_filters
                logic is_last_filter, is_done;
                assign is_last = marks[l];
                assign works = !is_done;
                hass_counter #(.SIZE(FILTERS)) filters (
                    .clk, .rst, .step(step & is_last), .value(), .last(is_last_filter));
                always_ff @(posedge clk)
                    if (rst) is_done <= 1'b0;
                    else if (step) is_done <= !is_window_end & (is_done | (is_last & is_last_filter));
            end
            assign moves[l] = !result_valid | result_ready;
            hass_carry #(.FILTERS(FILTERS), .CHUNKS(CHUNKS), .BITS(ACC_BITS)) earlier (
                .clk, .rst, .step(carry_ready), .result, .carry);
            hass_static_engine #(
                .M(M), .N(FINE), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS),
                .ACC_BITS(ACC_BITS)
            ) engine (
                .clk, .rst, .in_valid(step & works), .in_ready(),
                .in_act(in[SOURCE*M*ACT_BITS+:M*ACT_BITS]), .weight, .index,
                .weight_last(is_last), .step(), .carry, .carry_ready, .out_valid(result_valid),
                .out_ready(result_ready), .out(result)
            );
            hass_complete #(.FILTERS(FILTERS), .CHUNKS(CHUNKS)) complete (
                .clk, .rst, .in_valid(result_valid), .in_ready(result_ready),
                .out_valid(sum_valid), .out_ready(sum_ready));
            if (LANES > 1 && FILTERS > 1) begin : waiting
                // within a window lanes are at different filters
                hass_fifo #(.DEPTH(FILTERS), .WIDTH(ACC_BITS)) sums (
                    .clk, .rst, .in_valid(sum_valid), .in_ready(sum_ready), .in(result),
                    .out_valid(lane_valid[l]), .out_ready(lane_ready[l]),
                    .out(out[l*ACC_BITS+:ACC_BITS]));
            end else begin : direct
                assign lane_valid[l] = sum_valid;
                assign sum_ready = lane_ready[l];
                assign out[l*ACC_BITS+:ACC_BITS] = result;
            end
        end
    endgenerate
endmodule
