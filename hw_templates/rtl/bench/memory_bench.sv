// Writes and reads a memory at random and compares every word that it shows with an array; says how
// many words it compared, or stops at the first wrong one.
module memory_bench;
    parameter int DEPTH = 512;
    parameter int WIDTH = 36;
    parameter int ULTRA = 0;
    parameter int CYCLES = 20000;
    localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

    logic clk = 1'b0;
    logic write, read, is_known;
    logic [ADDRESS_BITS-1:0] write_address, read_address;
    logic [WIDTH-1:0] in, out, expected;
    logic [WIDTH-1:0] words [0:DEPTH-1];
    logic written [0:DEPTH-1];
    int compared = 0;

    hass_memory #(.DEPTH(DEPTH), .WIDTH(WIDTH), .ULTRA(ULTRA)) memory (
        .clk, .write, .write_address, .in, .read, .read_address, .out);

    // every other address is one of the first, the last, or the one that was written before
    function automatic int place(input int turn, input int earlier);
        case (turn % 4)
            0: place = earlier;
            1: place = $urandom_range(1) == 1 ? DEPTH - 1 : 0;
            default: place = $urandom_range(DEPTH - 1);
        endcase
    endfunction

    initial begin
        for (int i = 0; i < DEPTH; i++) written[i] = 1'b0;
        is_known = 1'b0;
        write_address = '0;
        for (int cycle = 0; cycle < CYCLES; cycle++) begin
            write = $urandom_range(2) != 0;
            read = $urandom_range(3) != 0;
            read_address = ADDRESS_BITS'(place($urandom_range(3), int'(write_address)));
            write_address = ADDRESS_BITS'(place($urandom_range(3), int'(write_address)));
            for (int b = 0; b < WIDTH; b++) in[b] = 1'($urandom);
            if (read) begin
                is_known = written[read_address];
                expected = words[read_address];
            end
            if (write) begin
                words[write_address] = in;
                written[write_address] = 1'b1;
            end
            #1 clk = 1'b1;
            #1 clk = 1'b0;
            if (is_known) begin
                if (out !== expected) $fatal(1, "cycle %0d: %h, not %h", cycle, out, expected);
                compared++;
            end
        end
        $display("%0d", compared);
        $finish;
    end
endmodule
