/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Made by tests/tools/make_jwt_tokens.py; the keys were thrown away. */
/* clang-format off */
#define KEY_SET "{\"keys\": [{\"kty\": \"RSA\", \"kid\": \"rsa\", \"n\": \"1YK9WCEfkyzcdh0a-7GtNf7Z1zWaFc-1NO4Nnn8" \
    "PeMGSay8xx9GVM7fL8gHNeSfpY41tm037OvoYShE1xE8XuCosQJT6_7MvHRsIUUJBTwwSmn_SfsQOIQsXA6V" \
    "N2fkWV9oI_xB0qt_JgP8toUkmszx_IJ6wFcgc6hYFRtNT74Q94cJHFvL3BKe9ZhR5WMU2s3aOcHLQ-p7yhfX" \
    "M_h4JIn98y5pL_IkJJNzvI1vsDQPMXhSB6csmw2U5wUSJtHZzznWAluwgQrrCYWCIyI1EFW6qrwBEGDAVZWn" \
    "wtopQVo213j3APusWWJ-TYgZmnxewn7tvOIZYkKDBVC3zeCGUFQ\", \"e\": \"AQAB\"}, {\"kty\": \"RSA\", \"" \
    "kid\": \"small\", \"n\": \"rxPR-RAu4rHnySl38HtTdWDuFetOHOIZpThjtd-kHo25d5HoNoqAHZaq-lr_ZMi" \
    "9Hy-boDFIV7HOOGwd_m7p9KeKXU489P-bvmCCB9vdy9Qg9sPSiLkmA7v3ptMTulT0RJh1xSlqRKSxKINn4jJ" \
    "u4LTxqLlDuydShgnKxLea1Ac\", \"e\": \"AQAB\"}, {\"kty\": \"RSA\", \"kid\": \"only-rs512\", \"n\": \"1" \
    "YK9WCEfkyzcdh0a-7GtNf7Z1zWaFc-1NO4Nnn8PeMGSay8xx9GVM7fL8gHNeSfpY41tm037OvoYShE1xE8Xu" \
    "CosQJT6_7MvHRsIUUJBTwwSmn_SfsQOIQsXA6VN2fkWV9oI_xB0qt_JgP8toUkmszx_IJ6wFcgc6hYFRtNT7" \
    "4Q94cJHFvL3BKe9ZhR5WMU2s3aOcHLQ-p7yhfXM_h4JIn98y5pL_IkJJNzvI1vsDQPMXhSB6csmw2U5wUSJt" \
    "HZzznWAluwgQrrCYWCIyI1EFW6qrwBEGDAVZWnwtopQVo213j3APusWWJ-TYgZmnxewn7tvOIZYkKDBVC3ze" \
    "CGUFQ\", \"e\": \"AQAB\", \"alg\": \"RS512\"}, {\"kty\": \"RSA\", \"kid\": \"enc\", \"n\": \"1YK9WCEfkyz" \
    "cdh0a-7GtNf7Z1zWaFc-1NO4Nnn8PeMGSay8xx9GVM7fL8gHNeSfpY41tm037OvoYShE1xE8XuCosQJT6_7M" \
    "vHRsIUUJBTwwSmn_SfsQOIQsXA6VN2fkWV9oI_xB0qt_JgP8toUkmszx_IJ6wFcgc6hYFRtNT74Q94cJHFvL" \
    "3BKe9ZhR5WMU2s3aOcHLQ-p7yhfXM_h4JIn98y5pL_IkJJNzvI1vsDQPMXhSB6csmw2U5wUSJtHZzznWAluw" \
    "gQrrCYWCIyI1EFW6qrwBEGDAVZWnwtopQVo213j3APusWWJ-TYgZmnxewn7tvOIZYkKDBVC3zeCGUFQ\", \"e" \
    "\": \"AQAB\", \"use\": \"enc\"}, {\"kty\": \"oct\", \"kid\": \"oct\", \"k\": \"c2VjcmV0\"}, {\"kty\": \"EC" \
    "\", \"kid\": \"ES256\", \"crv\": \"P-256\", \"x\": \"CRzIjM_h1duYq8GZNrhkG32ynmNT7cbpJc8pbUfZdPk" \
    "\", \"y\": \"nm_tP97POlLjRya0ie2E7edtpKsWLVWfqO1yK8ju5V0\"}, {\"kty\": \"EC\", \"kid\": \"ES384\"" \
    ", \"crv\": \"P-384\", \"x\": \"I9U1CVdl1WUkLlZMWEiVBdSY5tLBMBpuYoIRoFiEitGcNVx_hsb7Wc3GFgxv" \
    "kT6-\", \"y\": \"7H5cwk3WBkKVEM8juHXnld8UDP2eD1IL-P6UOFnERWJ45r9b0nTC9i3_zS6wLJDf\"}, {\"k" \
    "ty\": \"EC\", \"kid\": \"ES512\", \"crv\": \"P-521\", \"x\": \"AEumIXBjjwcTvwnYy0G9bJXwNSioXm7jOCI" \
    "3E3NQv5aI3wLkvCCmgs5T9hzT4lcebZ94OokRWr-PPnk9Fa1gLuKu\", \"y\": \"Abp4JE93D1pXCdX87gAhFM" \
    "xrQ72k90pAvsrWcBlNIdYDLEB-kkCmCcI7xlTCwYG62vMiZ6mDUldclp2-anEnOzVU\"}, {\"kty\": \"OKP\"," \
    " \"kid\": \"EdDSA\", \"crv\": \"Ed25519\", \"x\": \"Y4zByAalnmehOEYS3eItWsA029Vyb05nRX_hel9KHT4" \
    "\"}]}"

static const struct {
    const char *algorithm, *kid, *token;
} signed_tokens[] = {
    {"RS256", "rsa", "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInJzYSJ9.eyJzdWIiOiJldmEifQ.HXErbXfd5_2-R5zgeHR386HN"
    "1pT6C62cSTgivTU9ZTIRVH6OwAtugw-gSQULFITt5uzgOIKT17TdKaF0YgxPsrNlWx3Q2v-xw_UbAlIPXTp9"
    "ot8cVU5jxiq3rpohWYvs2MfVkyYLqRTnh-Yhv1oqv_nh1TR26BaiiSvC-yj573w5WkuDbCCTm86JFDmVzCQl"
    "vblzrN5ckS1hQOd00670hq8PDPZ4j9mreqYL2x0blMbnih0w9x4TztaRISTarqbccDxKTBulQdaP2-087aeE"
    "DXeXjhwirAVqdsdqL8zCrpFAxLlhMVETqSgHF7IEmi5wa9Gej_ZIYQW0EC2j7rVjFQ"},
    {"RS384", "rsa", "eyJhbGciOiAiUlMzODQiLCAia2lkIjogInJzYSJ9.eyJzdWIiOiJldmEifQ.iskXaHFklGvzSWDj_5F5fmen"
    "JDcTMWGSKcFLrr4TJG-BM6xNHCxt83KWWlWii1Sz1EJgMhd6D6_An5URxK0p5e8jRErmyc3efqmKMWXRJq7Z"
    "Qv1KU2-2I1ZjcVd72RnqPrjN-ild0NjVEXF2HpW1wgh4tzZ_ABNdAH_3ZRCZt9ttli2dyzQXCyTxkqt3y1r1"
    "7H1D0fVp7b-QYBqN4aNAuJvsJ4VAwFqnjOVO3QAkAqSaqMPy7NknS1sC3kwTiqbuHpkSrFc09mbAMymolPam"
    "YVPpZr52r9bSGd7X1me5wjTsULwAG87GKSoy0oBiYONkBQYT4cdj-6RkEkJQ_87Oyw"},
    {"RS512", "rsa", "eyJhbGciOiAiUlM1MTIiLCAia2lkIjogInJzYSJ9.eyJzdWIiOiJldmEifQ.q2key5hnyDGe0kl4_Q1H3o6-"
    "y96iKvAdc9F35WbOGh1rO9nAK320nyev8afaqpshxyok2eW1cLYMzXv0nJtyXY50TDhtzi05C0txPsSBoFk8"
    "JUF3CEm7XgY7GsdXnsmdBglQl9J1Sus-9v9ktD8XjmkjZNcOg9dK1HLL7kH72-5XW3f6zhp6IG0l1R792Kbk"
    "FNORwivQHUtkvdbYQ_UR60KEKV4TWx0tg5KAsgy_xW9STgI2mHZ-tYGByGO2wAxVl6Yr3SX5HX2o6yCCTpX6"
    "Nv_Slprizhde_CT0lUK8fC3iC4L6Gw2253LKep_B3q-9nWmjaMKQ6LMQziYH1vVNug"},
    {"PS256", "rsa", "eyJhbGciOiAiUFMyNTYiLCAia2lkIjogInJzYSJ9.eyJzdWIiOiJldmEifQ.0u48H6fLCRdgEvGcnrWofSYL"
    "NOAclcGJHaxUHpOV4ZWyzHhpT78OWZMvF2qKc-MKl95JJdTpA-P7x54_0664718H6xTpU6oTK07mbzVWi1hT"
    "4XYlxv4zIvuPuM6XcuKYHEWpOjDFJ-LF1LTI0zZ-5-HtDnlBARto4_w4D4AjJlFABNtkbtnBrV41YuVutfSr"
    "1cSeLK6d4F0y2dhSwJlh-Mx87-udLK1MqtdgIdQO7UgBgVqrxgI267yrfC8mY9vSEJZxnvn-ft3l_wQ25xom"
    "y7Ttp8STzwWEzjEzIcZtVg7r8BtMsN3klaVdunP6bEyiDWoirqy0MK5dlMd0Sl0UmA"},
    {"PS384", "rsa", "eyJhbGciOiAiUFMzODQiLCAia2lkIjogInJzYSJ9.eyJzdWIiOiJldmEifQ.rUZTFhSMcsuCi16pKbllEiky"
    "SKOWDW1sgjAuXmWmNKKrXTzhqYzZ7JYd4qdP9M1RR0r0zA5E7zmz3S3lQC1ZbzEg6H242z_ns45sNQiwyCY0"
    "CrFvSJCPICY-wPfSG9JgwvOz7izzmO4Szpl_W8Ry8LaHtiPYAFEIJaQSsWMkUey8YsNIGxiS4tq7aN0iRykt"
    "0gd-O6KxxU4-Jj1XfxenFab9z91p2-RJyO7nM2uwO1yJB0cqYOC_P42CciJ6N2lkDLWXKj82cY-ywNOetUeh"
    "aTF9QJaZ38OM77YgAXXn4_4akb5NVy8xWHK8Rpg-y4_NPTHeXBe0wyWFCbgmFxIoJw"},
    {"PS512", "rsa", "eyJhbGciOiAiUFM1MTIiLCAia2lkIjogInJzYSJ9.eyJzdWIiOiJldmEifQ.FEw2lk0CJM2yRHriFnBlWMhN"
    "MktQDaoCn-iCsKMUhbCfNaxDY87sbHaYy53PHyLOt00K4KZO7x1gOgM5eihEznHsvTilanPkwfNkHMCobrba"
    "bhjR965hCjhs4C2S3d1kUGuBwJdHQbfI7l5q9luFTcNY4-1P8zQfO3VFy7cpazLARrRXey8chQ9dOjQfX-Dg"
    "x_RFQu1MZIzphjBHDGOsoB-AM8ZSKjmEY1zMkFIjKV6H5EuymZasn1xXHu49URWMEsIDvgXn02bBlItz8OSz"
    "xWn9ux5SxohUriSx1jkxuLm5dvzqV24Zj-ICcxouqJ7-d7Kzpr--g0dxW99T8qbh_Q"},
    {"ES256", "ES256", "eyJhbGciOiAiRVMyNTYiLCAia2lkIjogIkVTMjU2In0.eyJzdWIiOiJldmEifQ.axe1-cm6ydw73H0wb8iSP"
    "Ep9_sNlP_2YetUsYSpbqAhFrviHulGvEfqu-MsCPcrjQYhkbTnyBwzVd8Fie96pBw"},
    {"ES384", "ES384", "eyJhbGciOiAiRVMzODQiLCAia2lkIjogIkVTMzg0In0.eyJzdWIiOiJldmEifQ.-9BhjNw47UluhZhb41uE_"
    "AiRoSiNw9nd1XIGui_OpG5juQhLDbeh-tn8w9Fm_3zsJArYlSs_vwCL6dZp9PoGIenXuB4Tk4JcZZH2SRLRh"
    "KXW3B5Vc3FrMuswIfLHAuxV"},
    {"ES512", "ES512", "eyJhbGciOiAiRVM1MTIiLCAia2lkIjogIkVTNTEyIn0.eyJzdWIiOiJldmEifQ.ACtaG_hvoCvCOGS9GYxBc"
    "FeqJY18xwYHfVDsY7pWF5iYVDuANmcYDaG1xc0sYPwWgEWOiBrllE3kwkSIla3epd30AImfHu27YXdktgCfo"
    "rf2WVn8UvKadB_Q_qAdFp3pMnt1sapZ2X-SCjKUWgJ5Sc_oDM0MLm9lA0EJ_PsvMRbG90Xv"},
    {"EdDSA", "EdDSA", "eyJhbGciOiAiRWREU0EiLCAia2lkIjogIkVkRFNBIn0.eyJzdWIiOiJldmEifQ.wEmPspwf33_T3ACoTijqH"
    "5epRF-eFmGb9ko1qeORNnWdUX00zi5EByFMPq9ovnMdH1P0DImpoKjw0Gv9NSg5BA"},
};

/* Signed right, but by keys that must not be used so. */
#define SMALL_TOKEN "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogInNtYWxsIn0.eyJzdWIiOiJldmEifQ.kdfjhcr62-U-f3VpTUoxt" \
    "yQeNFO9-JTAnlQYiMmYQ30It1SzmBaq0hq8xz7L6PTBZPzZUmEcDQ-Ednz8mHUoRdZ937AjtTL0JEdDyQyj6" \
    "gWilzSqsoCVg3eZuNU-3TgqqjQvRWAatO-8Oo_CtW2OuFW2y8f0TsCyB9_M-rS_7ns"
#define OTHER_ALGORITHM_TOKEN "eyJhbGciOiAiUlMyNTYiLCAia2lkIjogIm9ubHktcnM1MTIifQ.eyJzdWIiOiJldmEifQ.bczw35k6bMV23u" \
    "BNRDXQWd87fpR8R8_ibXmx5Ku6TtywTL_WdmQP1FlZ_MiLRzqdEiTn9wMxQLGQP48-0ZIUcoerCvlf57-Ekq" \
    "j31UtTf539Af_KjLazEu3OwrkbMb5VlaxHGXfV3VYfCFjTw2oDJDy2f0JjXNH63hu7Za03Mpf4R_malOE_0C" \
    "r3VqxC3ijuG8wIJa1gBZayD6vgZIRAD0pvcRcjH0_ONGD7lXPNDGO1zQPT9z3Q9vuok9-FqfA3dSvClEZ7gu" \
    "ETWCwK2f4Fc0i1KmKbXkpVL0FGxwTURcLNMRqKYzRHN8FI_1kkGyvBvJ-ddwj-9IWBz1jZr82d-w"
/* clang-format on */
