// Drives one block from files and prints every cycle; the test that made the files is the judge.
//
// Files in +dir=: in.hex (a word of the input stream a line), offer.hex and accept.hex (one bit a
// cycle: offer a word, accept a word), and for engines side.hex (what the weight memory holds) and
// carry.hex (sums of earlier channels). A line a cycle: in_valid in_ready out_valid out_ready out.
module stream_bench;
    parameter BLOCK = "dynamic";  // or broadcast, dense, pair, static, fifo, window
    parameter int M = 9;
    parameter int N = 1;
    parameter int ACT_BITS = 16;
    parameter int WEIGHT_BITS = 16;
    parameter int ACC_BITS = 32;
    parameter int OUTS = 1;
    parameter int DEPTH = 4;
    parameter int HEIGHT = 6;
    parameter int WIDTH = 6;
    parameter int CHANNELS = 2;
    parameter int ROWS = 3;
    parameter int COLUMNS = 3;
    parameter int STRIDE = 1;
    // widths and lengths of the files
    parameter int IN_BITS = 16;
    parameter int OUT_BITS = 16;
    parameter int SIDE_BITS = 1;
    parameter int IN_WORDS = 16;
    parameter int OUT_WORDS = 16;
    parameter int SIDE_WORDS = 1;
    parameter int CARRY_WORDS = 1;
    parameter int CYCLES = 1000;
    localparam int INDEX_BITS = M > 1 ? $clog2(M) : 1;
    localparam int CARRY_BITS = BLOCK == "pair" ? 2 * ACC_BITS : OUTS * ACC_BITS;

    logic [IN_BITS-1:0] in_words [0:IN_WORDS-1];
    logic [SIDE_BITS-1:0] side_words [0:SIDE_WORDS-1];
    logic [CARRY_BITS-1:0] carry_words [0:CARRY_WORDS-1];
    logic offer [0:CYCLES-1];
    logic accept [0:CYCLES-1];

    logic clk = 1'b0;
    logic rst = 1'b1;
    logic in_valid = 1'b0;
    logic out_ready = 1'b0;
    logic in_ready, out_valid, step, carry_ready;
    logic [OUT_BITS-1:0] out;
    int given = 0;
    int taken = 0;
    int side_index = 0;
    int carry_index = 0;
    int cycle = 0;
    logic gives, takes, steps, carries;
    string dir;

    // what is not valid is unknown, so that a block which looks at it is found out; a weight memory
    // always shows a word
    logic [IN_BITS-1:0] in;
    logic [SIDE_BITS-1:0] side;
    logic [CARRY_BITS-1:0] carry;
    assign in = in_valid ? in_words[given] : {IN_BITS{1'bx}};
    assign side = side_words[side_index < SIDE_WORDS ? side_index : 0];
    assign carry = carry_ready ? carry_words[carry_index] : {CARRY_BITS{1'bx}};

    generate
        if (BLOCK == "dynamic") begin : dynamic_engine
            hass_dynamic_engine #(
                .M(M), .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
            ) engine (
                .clk, .rst, .in_valid, .in_ready, .in_act(in[M*ACT_BITS-1:0]),
                .in_weight(in[M*ACT_BITS+:M*WEIGHT_BITS]), .out_valid, .out_ready, .out
            );
            assign step = 1'b0;
            assign carry_ready = 1'b0;
        end else if (BLOCK == "dense") begin : dense_engine
            hass_dense_engine #(
                .M(M), .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
            ) engine (
                .clk, .rst, .in_valid, .in_ready, .in_act(in), .weight(side), .step, .carry,
                .carry_ready, .out_valid, .out_ready, .out
            );
        end else if (BLOCK == "pair") begin : dense_pair
            hass_dense_pair #(
                .M(M), .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
            ) engine (
                .clk, .rst, .in_valid, .in_ready, .in_act(in), .weight(side), .step, .carry,
                .carry_ready, .out_valid, .out_ready, .out
            );
        end else if (BLOCK == "static") begin : static_engine
            hass_static_engine #(
                .M(M), .N(N), .ACT_BITS(ACT_BITS), .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
            ) engine (
                .clk, .rst, .in_valid, .in_ready, .in_act(in),
                .weight(side[N*WEIGHT_BITS-1:0]),
                .index(side[N*WEIGHT_BITS+:N*INDEX_BITS]),
                .weight_last(side[SIDE_BITS-1]),
                .step, .carry, .carry_ready, .out_valid, .out_ready, .out
            );
        end else if (BLOCK == "broadcast") begin : broadcast_engine
            // a memory of all rows; what it shows where none was read is unknown
            localparam int ADDRESS_BITS = SIDE_WORDS > 1 ? $clog2(SIDE_WORDS) : 1;
            logic read;
            logic [ADDRESS_BITS-1:0] address;
            logic [SIDE_BITS-1:0] row;
            hass_broadcast_engine #(
                .M(M), .OUTS(OUTS), .SEGMENTS(SIDE_WORDS / M), .ACT_BITS(ACT_BITS),
                .WEIGHT_BITS(WEIGHT_BITS), .ACC_BITS(ACC_BITS)
            ) engine (
                .clk, .rst, .in_valid, .in_ready, .in_act(in), .read, .address, .weight(row),
                .carry, .carry_ready, .out_valid, .out_ready, .out
            );
            always_ff @(posedge clk) if (read) row <= side_words[address];
            assign step = 1'b0;
        end else if (BLOCK == "fifo") begin : fifo
            hass_fifo #(.DEPTH(DEPTH), .WIDTH(IN_BITS)) queue (
                .clk, .rst, .in_valid, .in_ready, .in, .out_valid, .out_ready, .out);
            assign step = 1'b0;
            assign carry_ready = 1'b0;
        end else begin : window
            hass_window #(
                .HEIGHT(HEIGHT), .WIDTH(WIDTH), .CHANNELS(CHANNELS), .ROWS(ROWS),
                .COLUMNS(COLUMNS), .STRIDE(STRIDE), .BITS(IN_BITS)
            ) sliding (
                .clk, .rst, .in_valid, .in_ready, .in, .out_valid, .out_ready, .out);
            assign step = 1'b0;
            assign carry_ready = 1'b0;
        end
    endgenerate

    always #5 clk = ~clk;
    initial begin
        if (!$value$plusargs("dir=%s", dir)) $fatal(1, "+dir= is missing");
        $readmemh({dir, "/in.hex"}, in_words);
        $readmemh({dir, "/side.hex"}, side_words);
        $readmemh({dir, "/carry.hex"}, carry_words);
        $readmemh({dir, "/offer.hex"}, offer);
        $readmemh({dir, "/accept.hex"}, accept);
        repeat (4) @(negedge clk);
        rst = 1'b0;
        while (taken < OUT_WORDS && cycle < CYCLES) begin
            // a valid that was raised stays until it is taken
            in_valid = given < IN_WORDS && (in_valid || offer[cycle]);
            out_ready = accept[cycle];
            #1;
            $display("%b %b %b %b %h", in_valid, in_ready, out_valid, out_ready, out);
            gives = in_valid & in_ready;
            takes = out_valid & out_ready;
            steps = step;
            carries = carry_ready;
            @(posedge clk);
            #1;
            if (gives) begin
                given = given + 1;
                in_valid = 1'b0;
            end
            if (takes) taken = taken + 1;
            if (steps) side_index = side_index + 1;
            if (carries) carry_index = carry_index + 1;
            cycle = cycle + 1;
            @(negedge clk);
        end
        $finish;
    end
endmodule
