"""Where the files of published datasets are: repository, commit, path and SHA-256 of each."""

from __future__ import annotations

from typing import NamedTuple


class Pin(NamedTuple):
    """One file of a repository at one commit.

    Attributes:
        path: Path in the repository.
        sha256: SHA-256 of the file, in hex.
    """

    path: str
    sha256: str


class Repository(NamedTuple):
    """Files of one repository on GitHub at one commit.

    Attributes:
        name: Owner and name.
        commit: The commit.
        pins: The files.
    """

    name: str
    commit: str
    pins: tuple[Pin, ...]


TIFA = Repository(
    "Yushi-Hu/tifa",
    "8e37050f44ab4ee681e4251f3c8a9d4cc86e901e",
    (
        Pin(
            "human_annotations/human_annotations_with_scores.json",
            "1720bb802c3c0821dd56df0d8c20a1214ff5085d7e5d9236a75736b1d39b7b3c",
        ),
    ),
)
DSG = Repository(
    "j-min/DSG",
    "7330119a39f76ff90e619a8bd3ff321e71aa986b",
    (
        Pin(
            "dsg/data/tifa160-likert-anns.csv",
            "61c9ff41b9f9fc26a44bbaf5540caeb67c09a9e3039536567f3e45d40ad0e9f8",
        ),
    ),
)
DSG_ANSWERS = Repository(
    "j-min/DSG",
    "7330119a39f76ff90e619a8bd3ff321e71aa986b",
    (
        Pin("dsg/data/dsg-1k-anns.csv", "b7ce06ea8a0478ccfd8fba105ecd26d7d301eb99d5c412987546c4cc8e08917a"),
        Pin("vqa_answers_release/mplug_dsg.csv", "80feb7ea352dadaca6de97149b9a43c122a5feaec985c32f2fffbf38a39a795c"),
        Pin("vqa_answers_release/pali17b_dsg.csv", "ac394cb8116e2e3723e21064683ffa24b34c866bf2450c6fb0ae6688b15dbf85"),
        Pin(
            "vqa_answers_release/instructblip_dsg.csv",
            "459bf361e237efff7f6e127e66076a1205c1f4912b8ba20dab813b89fe8fbb92",
        ),
    ),
)
"""Questions and answers, from which scores are computed."""
GENAI_BENCH = Repository(
    "linzhiqiu/t2v_metrics",
    "60ce07b144b9bff24b8dac5317cb28586b1b2509",
    (
        Pin(
            "genai_image.json",
            "a5974a5e67f530985a12f2d5cda490f3cb1e47064a56c54817d57102a964e9ff",
        ),
        Pin(
            "genai_image_teaser.json",
            "32c55d64079f7aee5fc39c511057c5330ac7b264ed9ac5be4cf111c462588c68",
        ),
    ),
)
GENAI_BENCH_VIDEO = Repository(
    "linzhiqiu/t2v_metrics",
    "60ce07b144b9bff24b8dac5317cb28586b1b2509",
    (
        Pin(
            "genai_video_teaser.json",
            "49b3e36db98de6aff5306843f0b8c948ece2962f3e3eef4fdae5d0c9a4b3c5f2",
        ),
    ),
)
TVGE = Repository(
    "linzhiqiu/t2v_metrics",
    "6ecb74f92028f42c7e64546d3a71e98c8c73068f",
    (
        Pin(
            "datasets/t2vscore_results.csv",
            "f58f27125e45eed9ec37357e4ffdee48aff5345a7c56d8adbd8985cbc323a6a2",
        ),
        Pin(
            "datasets/t2vscore_alignment_score.json",
            "b65340b4f08a55ee1b336efb36ca82d439bba4791745cd8e80bb8d237fccd043",
        ),
    ),
)
FETV = Repository(
    "llyx97/FETV-EVAL",
    "1385218bc92899e85aae0941888d8ddcf94bd65d",
    (
        Pin(
            "manual_eval_results/human0/manual_eval_results_cogvideo.json",
            "401d0cef448dbb76f488cea01a0cf051831f92e14296f9d0ac26672d8e06e8ff",
        ),
        Pin(
            "manual_eval_results/human0/manual_eval_results_damo-text2video.json",
            "7c5bb4ed3e4c796c148625664d53d684a2e74d9ef26be9ccc776d91b5bef33de",
        ),
        Pin(
            "manual_eval_results/human0/manual_eval_results_ground-truth.json",
            "bd2bc450255c59ed294efda3ded5ab2a098782bb128e9d3d1fe656bd857a9ec3",
        ),
        Pin(
            "manual_eval_results/human0/manual_eval_results_text2video-zero.json",
            "f258bc2329747ebee68123b2950cb19c05ea1fc75e8dfcb1e1363e508218b5c6",
        ),
        Pin(
            "manual_eval_results/human0/manual_eval_results_zeroscope.json",
            "8011945130a05139c35ced0689b5c03e8127a030ae5385049c93f478fa9bc73a",
        ),
        Pin(
            "manual_eval_results/human1/manual_eval_results_cogvideo.json",
            "4ed5fb4caf0b3d0873e408586156e5f9b839c47dfc1e5c59b560e681e0352ac6",
        ),
        Pin(
            "manual_eval_results/human1/manual_eval_results_damo-text2video.json",
            "aa5a86f3060a3e54569f7578adfc981cd45f5c130e64026e96ce1b40be16648c",
        ),
        Pin(
            "manual_eval_results/human1/manual_eval_results_ground-truth.json",
            "0482fba6c2336af33d7454eb2e61b827a3cd3f198d7071b78fcf9802773c5d0b",
        ),
        Pin(
            "manual_eval_results/human1/manual_eval_results_text2video-zero.json",
            "970d86c555e234bb209eb0c2ca42334d629966d71e6725e2970d6157ba994327",
        ),
        Pin(
            "manual_eval_results/human1/manual_eval_results_zeroscope.json",
            "0e4fdb95049e9333cd933cb2d49195e8763c2a8b201ca1799205c7cc95d2119b",
        ),
        Pin(
            "manual_eval_results/human2/manual_eval_results_cogvideo.json",
            "660823cd406c2eaf6648d2822ec3c2775ba6d2867b32115da81c7b8a2dc5f6a5",
        ),
        Pin(
            "manual_eval_results/human2/manual_eval_results_damo-text2video.json",
            "ca6f6a7989a7a7a65b69d1ac0f2d39e6736073079fb3c09eff04485de9cf7764",
        ),
        Pin(
            "manual_eval_results/human2/manual_eval_results_ground-truth.json",
            "c76a8fe17cc77ff4f09dc8eb5da3306b855c7a44151c0d26e79033bc3fc2d7de",
        ),
        Pin(
            "manual_eval_results/human2/manual_eval_results_text2video-zero.json",
            "543e3ad49f50866d4f041c7a3b4f284b1a8f71bd84bbe2359193c7c6695c239a",
        ),
        Pin(
            "manual_eval_results/human2/manual_eval_results_zeroscope.json",
            "a8e81ff8fd7af2f7927974fd3f92f0e3a2b769fb2aff53bdc174794204c6943d",
        ),
        Pin(
            "auto_eval_results/CLIPScore/auto_eval_results_cogvideo.json",
            "8fff0a5dfcfe790f14aa68a070e1a7de0d6196b36e98a5e1048ded561b65970a",
        ),
        Pin(
            "auto_eval_results/CLIPScore/auto_eval_results_ground-truth.json",
            "a69e7bc4f00e751d41f038a7536599c08101efe8462f711fb4a7040f86b5ad27",
        ),
        Pin(
            "auto_eval_results/CLIPScore/auto_eval_results_modelscope-t2v.json",
            "4d40894e6407a0c7848d3bae449326f325ae49c0fac55dba7debfc43b13b8302",
        ),
        Pin(
            "auto_eval_results/CLIPScore/auto_eval_results_text2video-zero.json",
            "90cd156398e49253ef35064995e342da6d38019988949858501757c37c850127",
        ),
        Pin(
            "auto_eval_results/CLIPScore/auto_eval_results_zeroscope.json",
            "64946d60fda9c04eaa233bc2f44f2e76eb18b94802aa16031e699a4f5bb6241b",
        ),
        Pin(
            "auto_eval_results/CLIPScore-ft/auto_eval_results_cogvideo.json",
            "45dfe69484cce0a1a5d66f9cb772b9956505b2838c8d8c508dbee275d6206bc4",
        ),
        Pin(
            "auto_eval_results/CLIPScore-ft/auto_eval_results_ground-truth.json",
            "5e82640377bf62a9d0483e9fe2632b40e5c8294cc3730652c437142aa01f0416",
        ),
        Pin(
            "auto_eval_results/CLIPScore-ft/auto_eval_results_modelscope-t2v.json",
            "c2b7b1c0fcdc3c21ddcceda62275896f49804c84ae5d2416da266440ee40907d",
        ),
        Pin(
            "auto_eval_results/CLIPScore-ft/auto_eval_results_text2video-zero.json",
            "dd6fb6d1fd4ff2a9080e44c0eb3e06dec17fa713ff14997628a18b2de667729f",
        ),
        Pin(
            "auto_eval_results/CLIPScore-ft/auto_eval_results_zeroscope.json",
            "23a0bdf5a6779c950fa6f5af89c4b154ebd3713c87d951633178362da0705a2d",
        ),
        Pin(
            "auto_eval_results/BLIPScore/auto_eval_results_cogvideo.json",
            "7e63950dc0f5a34a2b0129dcb6a60e4d290f04fdf8dae61d12d948e317f0a8b3",
        ),
        Pin(
            "auto_eval_results/BLIPScore/auto_eval_results_ground-truth.json",
            "90fce89258f193cb907ba88b24908ffe21bab9a97a7df22b205cdbe64c4f4ce7",
        ),
        Pin(
            "auto_eval_results/BLIPScore/auto_eval_results_modelscope-t2v.json",
            "de8d75488f84b8f06b63a4bc379d9a12dd0a2b37b0049a2d46eccb4dbd6139fe",
        ),
        Pin(
            "auto_eval_results/BLIPScore/auto_eval_results_text2video-zero.json",
            "248076e03db13599113e5c1fc2081b6e2464a0757e015095eed5eb9391e3bf41",
        ),
        Pin(
            "auto_eval_results/BLIPScore/auto_eval_results_zeroscope.json",
            "a2ab40bcdedbb35303d26e0bc7470d15a5ef7bd6ac6dddb101b7fe615de6b58e",
        ),
        Pin(
            "auto_eval_results/UMTScore/auto_eval_results_cogvideo.json",
            "8ebfab377130493fa5c6baca0736ceb175d9d520da47d9c4584f94f5249f9ca5",
        ),
        Pin(
            "auto_eval_results/UMTScore/auto_eval_results_ground-truth.json",
            "70215e8f57bbf8a4b8064b75dc52cbe1059bcded245b5100817384750c523618",
        ),
        Pin(
            "auto_eval_results/UMTScore/auto_eval_results_modelscope-t2v.json",
            "a00349b4747692f5b5f3c35588883841c05ee66245de51a46d13a8392042d7bf",
        ),
        Pin(
            "auto_eval_results/UMTScore/auto_eval_results_text2video-zero.json",
            "8e070f78646221807c65c9157e291e4429cf6af642cb84004bbc316d5ecfb9a1",
        ),
        Pin(
            "auto_eval_results/UMTScore/auto_eval_results_zeroscope.json",
            "aec20d74ea3591aebd282d15e41cde6d645699fe08a728e4bd3332bc7c45b9b5",
        ),
        Pin(
            "auto_eval_results/Otter-VQA/auto_eval_results_cogvideo.json",
            "1bbcb6d3f0ac774f472a4d1ee9791118894687ac3bfea384396c0ecccf768f6b",
        ),
        Pin(
            "auto_eval_results/Otter-VQA/auto_eval_results_ground-truth.json",
            "bc333e6b6b5369444b9de5fc3abb2d9a153ddae276528e31b3e5959de6d945f1",
        ),
        Pin(
            "auto_eval_results/Otter-VQA/auto_eval_results_modelscope-t2v.json",
            "12a1bd2867259e49c8d9d5256ab282e2ae25a8572a4ec631313e6acad39f571f",
        ),
        Pin(
            "auto_eval_results/Otter-VQA/auto_eval_results_text2video-zero.json",
            "8a2442312ad26587874c64b8ac55e9efeea7b6f508ff6f54c49a15e77c084d86",
        ),
        Pin(
            "auto_eval_results/Otter-VQA/auto_eval_results_zeroscope.json",
            "5cdc63ad6bd6a599435bf94b848cd41f327e372f4526adc0594b34553e1e8cee",
        ),
        Pin(
            "datas/fetv_data.json",
            "bf3c2706495342ab658ca19da77912932b41f6dbf76ba57d18321ac06a643144",
        ),
    ),
)
T2ISCORESCORE = Repository(
    "michaelsaxon/T2IScoreScore",
    "93ebf895b73d7075d4a45389278f632cc01690e3",
    (
        Pin(
            "data/metadata.csv",
            "cab9a658cbac13331ed6b8b3fc826ace54b47dc26d68a1be6c63068ca59758cf",
        ),
        Pin(
            "output/scores_final_all_3.csv",
            "a33fd04f55584a22292f44d0c717f8106ea678ba16caf079ce534997d30e0c5c",
        ),
    ),
)
MJ_BENCH = Repository(
    "MJ-Bench/MJ-Bench",
    "eb269adaff40460bed054963c504772317ad4955",
    (
        Pin(
            "reward_models/result/validation_clipscore_eval_0.00.json",
            "37e0fcc903a74948049d49f1552dc40ca969bf85a62e9b0fdd6c781e033d9fac",
        ),
        Pin(
            "reward_models/result/validation_clipscore_eval_v2_0.00.json",
            "24769551a0f43284fb5904cbf0d5111cc63256cba1afebe1a48b8bfbc95aeed6",
        ),
        Pin(
            "reward_models/result/validation_ImageReward_eval_0.00.json",
            "65596221e86f7d124846457d8522f7ccbebc69939dfa714ef5d47f668d11a30d",
        ),
        Pin(
            "reward_models/result/validation_blipscore_eval_0.00.json",
            "b997fdca991d5ec971cb3e8b9330544e086bcf8f5efa08447d98b9464155375a",
        ),
        Pin(
            "reward_models/result/validation_HPSv2score_eval_0.00.json",
            "2875edb80ecb611fd4348939e11ca4439f894a007223831ec6f00bdad2069380",
        ),
        Pin(
            "reward_models/result/validation_pickscore_eval_0.00.json",
            "ada8ec8a52eb0c67e1b89121eafbc968fba00801aea2e13b1623e8ac13720922",
        ),
    ),
)
