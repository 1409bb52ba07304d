# SPDX-License-Identifier: GPL-2.0-only
# Draws the benchmark's CSV: gnuplot -e "csv='bench.csv'; svg='bench.svg'" bench.gnuplot

set terminal svg size 960,760 font "sans-serif,13" background "white"
set output svg
set datafile separator ","
set datafile commentschars "#"
set encoding utf8
set multiplot layout 2,2
set logscale xy
set format y "10^{%L}"
set xtics ("4 KiB" 4096, "64 KiB" 65536, "1 MiB" 2**20, "8 MiB" 2**23, "64 MiB" 2**26)
set xrange [3000:4e8]
set yrange [500:1e9]
set grid lc rgb "#dddddd"
set key top left samplen 2
set ylabel "instructions"

pick(operation, heap) = (strcol(1) eq operation && strcol(2) eq heap) ? $3 : NaN
CMA = "lw 2 pt 7 ps 0.6 lc rgb '#d55e00'"
SYSTEM = "lw 2 pt 5 ps 0.6 lc rgb '#999999'"
OURS = "lw 2.5 pt 9 ps 0.8 lc rgb '#0072b2'"
FLOOR = "lw 1.5 dt 2 lc rgb '#009e73'"

set title "Allocate and close"
plot csv using (pick("warm", "cma")):4 title "CMA heap" with linespoints @CMA, \
     csv using (pick("warm", "system")):4 title "system heap" with linespoints @SYSTEM, \
     csv using (pick("warm", "ours")):4 title "ours, warm" with linespoints @OURS, \
     csv using (pick("warm", "null")):4 title "no memory" with lines @FLOOR

set title "Allocate, cold, and attach and map"
plot csv using (pick("cold_map", "cma")):4 title "CMA heap" with linespoints @CMA, \
     csv using (pick("cold_map", "system")):4 title "system heap" with linespoints @SYSTEM, \
     csv using (pick("cold_map", "ours")):4 title "ours, cold" with linespoints @OURS, \
     csv using (pick("cold_map", "null")):4 title "no memory" with lines @FLOOR

set title "mmap and write every page"
plot csv using (pick("touch_aligned", "cma")):4 title "CMA heap" with linespoints @CMA, \
     csv using (pick("touch_aligned", "system")):4 title "system heap" with linespoints @SYSTEM, \
     csv using (pick("touch_unaligned", "ours")):4 title "ours, not aligned" \
	with linespoints @OURS dt 3, \
     csv using (pick("touch_aligned", "ours")):4 title "ours, aligned" with linespoints @OURS

set title "Sync"
plot csv using (pick("sync_rw_4", "cma")):4 title "CMA heap, 4 importers" with linespoints @CMA, \
     csv using (pick("sync_rw_1", "cma")):4 title "CMA heap, 1 importer" \
	with linespoints @SYSTEM, \
     csv using (pick("sync_rw_4", "ours")):4 title "ours, 4 importers" with linespoints @OURS, \
     csv using (pick("sync_part_1", "ours")):4 title "ours, 4 KiB of it" \
	with linespoints @OURS dt 3, \
     csv using (pick("sync_rw_4", "null")):4 title "no memory" with lines @FLOOR

unset multiplot
