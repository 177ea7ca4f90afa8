"""Abbreviations of time zones that PostgreSQL knows without being told (its set ``Default``), with their seconds east of
Greenwich. Those that changed their meaning over time (MSK, CLT, SGT ...) are left out: such a zone is written by its name."""

_BY_OFFSET = """
-36000 hst taht
-34200 mart
-32400 akst gamt
-28800 akdt pst
-25200 mst pdt
-21600 cst mdt galt
-18000 act cot cdt est pet
-14400 bot edt amt ast
-12600 nft nst
-10800 bra brt clst gft pmst pyst uyt wgt adt
-9000 ndt
-7200 brst fnt pmdt uyst wgst
-3600 egt fnst azot
0 egst azost gmt uct ut utc z zulu wet
3600 wat bst cet met mez wetdst
7200 sast ist bdst cest cetdst eet mest mesz metdst
10800 eat idt eest eetdst fet
12600 irt
14400 msd mut ret sct
16200 aft
18000 pkt tjt uzt must mvt tft
20700 npt
21600 almt bdt btt kgst pkst uzst xjt yekst
23400 mmt
25200 almst ict wast cxt
28800 bnt bort cct hkt myt pht awst wadt
31500 acwst
32400 jayt jst kst ulast awsst wdt pwt
34200 acst cast
36000 ddut kdt aest ligt chut mpt pgt trut yapt
37800 acsst acdt cadt lhst sadt
39600 aesst aedt pont vut
43200 nzt fjt gilt mht nzst tvt wakt wft
45900 chast
46800 fjst nzdt tot
49500 chadt
"""

OFFSETS = {
    name: int(seconds)
    for seconds, *names in (line.split() for line in _BY_OFFSET.strip().splitlines())
    for name in names
}
