// GROUPS x OUTS x INS dynamic engines; lane (g, o, i) is number (g * OUTS + o) * INS + i.
//
// A beat at the input holds a window for each lane: a segment of M activations for each (g, i), of
// which a lane computes its FILTERS filters one after the other. AHEAD = 1: no lane begins a window
// before all have ended the one before; each ends its filters in its own time. AHEAD > 1: windows
// wait in a FIFO in front of each lane, and a lane may be so many windows ahead, or a few more.
// CHUNKS beats make one position: its sums go out with the last of them, a beat of all lanes per
// filter.
// `weight` holds the M weights of each lane's next segment, `steps` says of which lanes they are
// taken: of all at once where AHEAD and FILTERS are 1. `starts` says of each lane that it begins a
// window: for counters of cycles.
module hass_dynamic_lanes #(
    parameter int GROUPS = 1,
    parameter int OUTS = 2,
    parameter int INS = 2,
    parameter int M = 9,
    parameter int FINE = 2,
    parameter int FILTERS = 4,
    parameter int CHUNKS = 2,
    parameter int AHEAD = 1,
    parameter int ACT_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int ACC_BITS = 32,
    parameter int LANES = GROUPS * OUTS * INS
) (
    input  logic                             clk,
    input  logic                             rst,
    input  logic                             in_valid,
    output logic                             in_ready,
    input  logic [GROUPS*INS*M*ACT_BITS-1:0] in,
    input  logic [LANES-1:0]                 weight_valid,
    input  logic [LANES*M*WEIGHT_BITS-1:0]   weight,
    output logic [LANES-1:0]                 steps,
    output logic                             out_valid,
    input  logic                             out_ready,
    output logic [LANES*ACC_BITS-1:0]        out,
    output logic [LANES-1:0]                 starts
);
    // A word can be read from a FIFO two cycles after it was written, and its room is seen a cycle
    // after it was read. The FIFOs hold more for that, so that lanes are no slower than AHEAD says.
    localparam int WINDOWS = AHEAD + 1;
    // results of a lane that is ahead: of its windows those that end positions
    localparam int ENDS = (AHEAD + CHUNKS - 1) / CHUNKS;
    localparam int WAITING = FILTERS * ENDS + (AHEAD > 1 ? 2 : 0);

    logic [LANES-1:0] lane_valid, lane_ready;
    hass_join #(.LANES(LANES)) join_lanes (
        .in_valid(lane_valid), .in_ready(lane_ready), .out_valid, .out_ready);

    // of each lane: it could begin a window; it is past the window at the input, or about to be; it
    // has room for one
    logic [LANES-1:0] could_begin, past;
    logic together;
    assign together = &could_begin;
    assign in_ready = &past;

    genvar l;
    generate
        for (l = 0; l < LANES; l = l + 1) begin : lane
            localparam int SOURCE = l / (OUTS * INS) * INS + l % INS;
            logic offered, takes, is_first_filter, is_last_filter;
            logic result_valid, result_ready, sum_valid, sum_ready;
            logic [M*ACT_BITS-1:0] window;
            logic [ACC_BITS-1:0] result, sum;
            assign steps[l] = offered & takes;
            assign starts[l] = steps[l] & is_first_filter;
            always_ff @(posedge clk)
                if (rst) is_first_filter <= 1'b1;
                else if (steps[l]) is_first_filter <= is_last_filter;
            hass_counter #(.SIZE(FILTERS)) filters (
                .clk, .rst, .step(steps[l]), .value(), .last(is_last_filter));

            if (AHEAD == 1) begin : lockstep
                logic has_taken;  // all filters of the window at the input
                assign window = in[SOURCE*M*ACT_BITS+:M*ACT_BITS];
                assign could_begin[l] = is_first_filter & !has_taken & takes & weight_valid[l];
                assign offered = in_valid & weight_valid[l] & !has_taken
                    & (!is_first_filter | together);
                assign past[l] = has_taken | (steps[l] & is_last_filter);
                always_ff @(posedge clk)
                    if (rst | (in_valid & in_ready)) has_taken <= 1'b0;
                    else if (steps[l] & is_last_filter) has_taken <= 1'b1;
            end else begin : apart
                logic window_valid;
                assign offered = window_valid & weight_valid[l];
                assign could_begin[l] = 1'b1;
                hass_fifo #(.DEPTH(WINDOWS), .WIDTH(M * ACT_BITS)) windows (
                    .clk, .rst, .in_valid(in_valid & in_ready & together), .in_ready(past[l]),
                    .in(in[SOURCE*M*ACT_BITS+:M*ACT_BITS]), .out_valid(window_valid),
                    .out_ready(steps[l] & is_last_filter), .out(window));
            end

            hass_dynamic_engine #(
                .M(M), .N(FINE), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS),
                .ACC_BITS(ACC_BITS)
            ) engine (
                .clk, .rst, .in_valid(offered), .in_ready(takes), .in_act(window),
                .in_weight(weight[l*M*WEIGHT_BITS+:M*WEIGHT_BITS]), .out_valid(result_valid),
                .out_ready(result_ready), .out(result)
            );
            if (CHUNKS > 1 || (LANES > 1 && WAITING == 1)) begin : accumulated
                hass_accumulate #(.FILTERS(FILTERS), .CHUNKS(CHUNKS), .BITS(ACC_BITS)) sums (
                    .clk, .rst, .in_valid(result_valid), .in_ready(result_ready), .in(result),
                    .out_valid(sum_valid), .out_ready(sum_ready), .out(sum));
            end else begin : complete
                assign sum_valid = result_valid;
                assign result_ready = sum_ready;
                assign sum = result;
            end
            if (LANES > 1 && WAITING > 1) begin : waiting
                hass_fifo #(.DEPTH(WAITING), .WIDTH(ACC_BITS)) queue (
                    .clk, .rst, .in_valid(sum_valid), .in_ready(sum_ready), .in(sum),
                    .out_valid(lane_valid[l]), .out_ready(lane_ready[l]),
                    .out(out[l*ACC_BITS+:ACC_BITS]));
            end else begin : direct
                assign lane_valid[l] = sum_valid;
                assign sum_ready = lane_ready[l];
                assign out[l*ACC_BITS+:ACC_BITS] = sum;
            end
        end
    endgenerate
endmodule
