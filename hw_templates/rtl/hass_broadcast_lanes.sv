// GROUPS x INS broadcast engines of OUTS filters; the sums of (g, o, i) are number
// (g * OUTS + o) * INS + i at the output, engine (g, i) is number g * INS + i.
//
// A beat at the input holds a segment of M activations for each engine, of which it computes its
// FILTERS steps of OUTS filters one after the other. AHEAD = 1: engines begin each step together, as
// a step takes an engine the same time for all filters. AHEAD > 1: windows wait in a FIFO in front of
// each engine, and one may be so many windows ahead, or a few more.
// CHUNKS beats make one position: its sums go out with the last of them, a beat of all engines per
// step. SEGMENTS is how many an engine has rows of weights for.
// `read` says of each engine that it wants the weights at `address` in the next cycle. `starts` says
// of each of (g, o, i) that its engine begins a window: for counters of cycles.
module hass_broadcast_lanes #(
    parameter int GROUPS = 1,
    parameter int OUTS = 2,
    parameter int INS = 2,
    parameter int M = 9,
    parameter int FILTERS = 4,
    parameter int CHUNKS = 2,
    parameter int SEGMENTS = 8,
    parameter int AHEAD = 1,
    parameter int ACT_BITS = 8,
    parameter int WEIGHT_BITS = 8,
    parameter int ACC_BITS = 32,
    parameter int ENGINES = GROUPS * INS,
    parameter int LANES = ENGINES * OUTS,
    parameter int ADDRESS_BITS = SEGMENTS * M > 1 ? $clog2(SEGMENTS * M) : 1
) (
    input  logic                              clk,
    input  logic                              rst,
    input  logic                              in_valid,
    output logic                              in_ready,
    input  logic [ENGINES*M*ACT_BITS-1:0]     in,
    input  logic                              weight_valid,
    output logic [ENGINES-1:0]                read,
    output logic [ENGINES*ADDRESS_BITS-1:0]   address,
    input  logic [ENGINES*OUTS*WEIGHT_BITS-1:0] weight,
    output logic                              out_valid,
    input  logic                              out_ready,
    output logic [LANES*ACC_BITS-1:0]         out,
    output logic [LANES-1:0]                  starts
);
    // as in hass_dynamic_lanes: a FIFO's word can be read two cycles after it was written
    localparam int WINDOWS = AHEAD + 1;
    localparam int ENDS = (AHEAD + CHUNKS - 1) / CHUNKS;
    localparam int WAITING = FILTERS * ENDS + 2;

    logic [ENGINES-1:0] engine_valid, engine_ready;
    hass_join #(.LANES(ENGINES)) join_engines (
        .in_valid(engine_valid), .in_ready(engine_ready), .out_valid, .out_ready);

    // of each engine: it could begin a step; it is past the window at the input, or has room for it
    logic [ENGINES-1:0] could_begin, past;
    assign in_ready = &past;

    genvar e, o;
    generate
        for (e = 0; e < ENGINES; e = e + 1) begin : lane
            localparam int FIRST = e / INS * OUTS * INS + e % INS;  // of its sums
            logic offered, takes, step, is_first_filter, is_last_filter, carry_ready;
            logic result_valid, result_ready, sum_valid, sum_ready;
            logic [M*ACT_BITS-1:0] window;
            logic [OUTS*ACC_BITS-1:0] carry, result, sum;
            assign step = offered & takes;
            always_ff @(posedge clk)
                if (rst) is_first_filter <= 1'b1;
                else if (step) is_first_filter <= is_last_filter;
            hass_counter #(.SIZE(FILTERS)) filters (
                .clk, .rst, .step, .value(), .last(is_last_filter));

            if (AHEAD == 1) begin : lockstep
                assign window = in[e*M*ACT_BITS+:M*ACT_BITS];
                assign could_begin[e] = takes & weight_valid;
                assign offered = in_valid & &could_begin;
                assign past[e] = could_begin[e] & is_last_filter;
            end else begin : apart
                logic window_valid;
                assign could_begin[e] = 1'b1;
                assign offered = window_valid & weight_valid;
                hass_fifo #(.DEPTH(WINDOWS), .WIDTH(M * ACT_BITS)) windows (
                    .clk, .rst, .in_valid(in_valid & in_ready & &could_begin), .in_ready(past[e]),
                    .in(in[e*M*ACT_BITS+:M*ACT_BITS]), .out_valid(window_valid),
                    .out_ready(step & is_last_filter), .out(window));
            end

            hass_broadcast_engine #(
                .M(M), .OUTS(OUTS), .SEGMENTS(SEGMENTS), .ACT_BITS(ACT_BITS),
                .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
            ) engine (
                .clk, .rst, .in_valid(offered), .in_ready(takes), .in_act(window), .read(read[e]),
                .address(address[e*ADDRESS_BITS+:ADDRESS_BITS]),
                .weight(weight[e*OUTS*WEIGHT_BITS+:OUTS*WEIGHT_BITS]), .carry, .carry_ready,
                .out_valid(result_valid), .out_ready(result_ready), .out(result)
            );
            hass_complete #(.FILTERS(FILTERS), .CHUNKS(CHUNKS)) complete (
                .clk, .rst, .in_valid(result_valid), .in_ready(result_ready),
                .out_valid(sum_valid), .out_ready(sum_ready));
            if (ENGINES > 1 && AHEAD > 1) begin : waiting
                hass_fifo #(.DEPTH(WAITING), .WIDTH(OUTS * ACC_BITS)) queue (
                    .clk, .rst, .in_valid(sum_valid), .in_ready(sum_ready), .in(result),
                    .out_valid(engine_valid[e]), .out_ready(engine_ready[e]), .out(sum));
            end else if (ENGINES > 1) begin : held
                // an engine that is done first begins the next step with the others
                logic [OUTS*ACC_BITS-1:0] word;
                assign sum_ready = !engine_valid[e] | engine_ready[e];
                always_ff @(posedge clk)
                    if (rst) engine_valid[e] <= 1'b0;
                    else if (sum_ready) engine_valid[e] <= sum_valid;
                always_ff @(posedge clk) if (sum_ready) word <= result;
                assign sum = word;
            end else begin : direct
                assign engine_valid[e] = sum_valid;
                assign sum_ready = engine_ready[e];
                assign sum = result;
            end
            for (o = 0; o < OUTS; o = o + 1) begin : filter
                hass_carry #(.FILTERS(FILTERS), .CHUNKS(CHUNKS), .BITS(ACC_BITS)) earlier (
                    .clk, .rst, .step(carry_ready), .result(result[o*ACC_BITS+:ACC_BITS]),
                    .carry(carry[o*ACC_BITS+:ACC_BITS]));
                assign out[(FIRST+o*INS)*ACC_BITS+:ACC_BITS] = sum[o*ACC_BITS+:ACC_BITS];
                assign starts[FIRST+o*INS] = step & is_first_filter;
            end
        end
    endgenerate
endmodule
