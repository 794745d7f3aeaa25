// Parallel-prefix arbiter: of M requests, the first N in order, each as an index.
//
// Requests are counted in groups of four; the counts of the groups are added up in a prefix tree, so
// the path is about log2(M) deep, and saturate at N, so they stay narrow.
module hass_arbiter #(
    parameter int M = 9,
    parameter int N = 2,
    parameter int INDEX_BITS = M > 1 ? $clog2(M) : 1
) (
    input  logic [M-1:0]            request,
    output logic [N*INDEX_BITS-1:0] index,    // of grant 0..N-1, valid where granted
    output logic [N-1:0]            granted,
    output logic [M-1:0]            remaining // requests that were not among the first N
);
    localparam int GROUPS = (M + 3) / 4;
    localparam int LEVELS = GROUPS > 1 ? $clog2(GROUPS) : 0;
    localparam int COUNT_BITS = $clog2(N + 1);

    // Sum of two counts, saturating at N. In gates: the carry chain of a `+` costs more than it saves.
    function automatic [COUNT_BITS-1:0] plus(input [COUNT_BITS-1:0] x, input [COUNT_BITS-1:0] y);
        logic [COUNT_BITS:0] sum;
        logic carry;
        integer k;
        begin
            carry = 1'b0;
            for (k = 0; k < COUNT_BITS; k = k + 1) begin
                sum[k] = x[k] ^ y[k] ^ carry;
                carry = (x[k] & y[k]) | (x[k] & carry) | (y[k] & carry);
            end
            sum[COUNT_BITS] = carry;
            plus = sum > N ? N[COUNT_BITS-1:0] : sum[COUNT_BITS-1:0];
        end
    endfunction

    // prefix[level * GROUPS + g]: requests up to group g, of the groups that the level has joined
    // verilator lint_off UNUSEDSIGNAL
    logic [COUNT_BITS-1:0] prefix [0:(LEVELS+1)*GROUPS-1];  // of one group none is asked
    // verilator lint_on UNUSEDSIGNAL
    logic [M-1:0] chosen [0:N-1];

    genvar g, level, i, j, bit_index;
    generate
        for (i = 0; i < M; i = i + 1) begin : own
            // requests of the group up to and with this one
            logic [COUNT_BITS-1:0] count;
            logic [COUNT_BITS-1:0] one;
            assign one = request[i] ? COUNT_BITS'(1) : COUNT_BITS'(0);
            if (i % 4 == 0) begin : opens
                assign count = one;
            end else begin : follows
                assign count = plus(own[i-1].count, one);
            end
        end

        for (g = 0; g < GROUPS; g = g + 1) begin : group
            assign prefix[g] = own[4*g+3 < M ? 4*g+3 : M-1].count;
        end

        for (level = 0; level < LEVELS; level = level + 1) begin : tree
            for (g = 0; g < GROUPS; g = g + 1) begin : node
                // Sklansky: a node in the upper half of its block adds the last of the lower half
                if ((g >> level) % 2 == 1) begin : joined
                    assign prefix[(level+1)*GROUPS+g] =
                        plus(prefix[level*GROUPS+g], prefix[level*GROUPS+(g>>level)*(1<<level)-1]);
                end else begin : passed
                    assign prefix[(level+1)*GROUPS+g] = prefix[level*GROUPS+g];
                end
            end
        end

        for (i = 0; i < M; i = i + 1) begin : request_of
            // requests before this one: those of earlier groups and of its own
            logic [COUNT_BITS-1:0] earlier, ahead;
            if (i >= 4) begin : later_group
                assign earlier = prefix[LEVELS*GROUPS+i/4-1];
            end else begin : first_group
                assign earlier = '0;
            end
            if (i % 4 == 0) begin : opens
                assign ahead = earlier;
            end else begin : follows
                assign ahead = plus(earlier, own[i-1].count);
            end
            assign remaining[i] = request[i] & (ahead == N);
            for (j = 0; j < N; j = j + 1) begin : grant
                assign chosen[j][i] = request[i] & (ahead == j);
            end
        end

        for (j = 0; j < N; j = j + 1) begin : encode
            assign granted[j] = |chosen[j];
            for (bit_index = 0; bit_index < INDEX_BITS; bit_index = bit_index + 1) begin : index_bit
                logic [M-1:0] set;
                for (i = 0; i < M; i = i + 1) begin : member
                    if ((i >> bit_index) % 2 == 1) begin : one
                        assign set[i] = chosen[j][i];
                    end else begin : zero
                        assign set[i] = 1'b0;
                    end
                end
                assign index[j*INDEX_BITS+bit_index] = |set;
            end
        end
    endgenerate
endmodule
