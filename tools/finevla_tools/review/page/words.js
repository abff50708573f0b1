// The words of the page, in English and Chinese; names of slots are shown as they are in the data where none is given.

const WORDS = {
  en: {
    reviewer: "reviewer", accept: "approve", reject: "reject", reopen: "reopen", skip: "skip", undo: "undo",
    theme: "light or dark", help: "keys (?)", filter: "which episodes", play: "play, pause (Space)",
    back: "a frame back (,)", forward: "a frame on (.)", lock: "play the chosen span alone (P)", lock_short: "span only",
    slower: "slower (-)", faster: "faster (=)",
    open: "open", all: "all", draft: "draft", disputed: "disputed", approved: "approved", rejected: "rejected",
    saved: "saved", saving: "saving", unsaved: "not saved: the server does not answer; kept in this browser, tried again",
    done: "Everything is reviewed.", done_more: "Choose “all” on the left to look at episodes again.",
    episode: "Episode", whole: "whole episode", step: "step", contradiction: "contradicted", none: "not said",
    add: "add with I", yours: "Your text was not saved, another was first:", take: "Enter takes it",
    other: "other reviewer", undone: "undone", nothing: "nothing to undo", resumed: "your unfinished text is back",
    no_video: "this browser cannot play this video", no_codec: "use Chromium or Chrome, or convert the videos to H.264",
    missing: "the video file is missing", left: "left", right: "right", gripper: "gripper", tool_speed: "tool, m/s",
    joint_speed: "joints, rad/s", steps: "steps", kept: "is with", name_first: "Who are you? Your name is kept with every change.",
    no_step: "choose a step, or a claim of one, to split it", split: "split", contradictions: "contradictions",
    judged: "approved", to_go: "to go", source_motion: "motion", source_vlm: "VLM", source_human: "person",
    source_operator: "operator", history: "history", edit: "edit", verdict: "verdict", no_claims: "No draft: add a dimension with I.",
    kappa: "agreement", of: "of",
  },
  zh: {
    reviewer: "审核人", accept: "通过", reject: "拒绝", reopen: "重新打开", skip: "跳过", undo: "撤销",
    theme: "浅色或深色", help: "快捷键 (?)", filter: "显示哪些片段", play: "播放、暂停 (空格)",
    back: "后退一帧 (,)", forward: "前进一帧 (.)", lock: "只播放选中的时段 (P)", lock_short: "仅时段",
    slower: "减速 (-)", faster: "加速 (=)",
    open: "待审", all: "全部", draft: "草稿", disputed: "有分歧", approved: "已通过", rejected: "已拒绝",
    saved: "已保存", saving: "保存中", unsaved: "未保存：服务器无响应；已留在浏览器中，将重试",
    done: "全部审核完毕。", done_more: "在左侧选择“全部”可再次查看。",
    episode: "片段", whole: "整个片段", step: "步骤", contradiction: "有矛盾", none: "未说明",
    add: "按 I 添加", yours: "他人已先修改，您的文字未保存：", take: "按回车采用",
    other: "其他审核人", undone: "已撤销", nothing: "没有可撤销的操作", resumed: "已恢复未完成的文字",
    no_video: "此浏览器无法播放该视频", no_codec: "请使用 Chromium 或 Chrome，或将视频转换为 H.264",
    missing: "缺少视频文件", left: "左", right: "右", gripper: "夹爪", tool_speed: "末端 m/s",
    joint_speed: "关节 rad/s", steps: "步骤", kept: "正由此人审核：", name_first: "您是谁？每次修改都会记录您的姓名。",
    no_step: "请先选择一个步骤再拆分", split: "已拆分", contradictions: "矛盾",
    judged: "已通过", to_go: "待审", source_motion: "运动", source_vlm: "视觉模型", source_human: "人工",
    source_operator: "操作员", history: "历史", edit: "修改", verdict: "裁定", no_claims: "没有草稿：按 I 添加。",
    kappa: "一致性", of: "/",
  },
};

const NAMES_ZH = {
  text: "文字", action_sequence: "动作序列", active_actor: "执行臂", target_object: "目标物体", initial_configuration: "初始状态",
  final_configuration: "最终状态", contact_and_approach: "接触与接近", trajectory_and_orientation: "轨迹与姿态",
  object_interaction: "物体交互", failure_and_recovery: "失败与恢复", body_motion: "本体运动", raw: "原始指令", fine: "细粒度描述",
  paraphrase: "改写", caption: "场景描述", question_answering: "问答", command_rewriting: "指令改写", context_creation: "情境", primitive_action: "基本动作", gripper_state: "夹爪状态", target_category: "类别", target_color: "颜色",
  target_material: "材质", target_shape_or_size: "形状或大小", initial_pose: "姿态", initial_workspace_location: "位置",
  initial_relation: "关系", initial_state: "状态", final_pose: "姿态", final_workspace_location: "位置", final_relation: "关系",
  final_state: "状态", contact_region: "接触部位", approach_direction: "接近方向", translation_direction: "平移方向",
  translation_extent: "平移幅度", rotation_direction: "旋转方向", rotation_angle: "旋转角度", path_shape: "路径形状",
  interaction_type: "交互类型", affected_object: "受影响物体", effect: "效果", failure: "失败", retry: "重试",
  recovery_result: "恢复结果", attempt_count: "尝试次数", base_motion: "底盘运动", torso_motion: "躯干运动", camera_motion: "相机运动",
};

export const KEYS = [
  [["A"], "approve the episode, and the next", "通过并进入下一个"], [["X"], "reject the episode, and the next", "拒绝并进入下一个"],
  [["O"], "reopen", "重新打开"], [["N"], "skip, and the next", "跳过"], [["U"], "undo", "撤销"],
  [["↑", "↓"], "choose an annotation", "选择条目"], [["1", "…", "0"], "to one of the ten dimensions", "跳到十个维度之一"],
  [["`"], "to the texts", "跳到文字"], [["Enter"], "edit; again: save", "编辑；再按保存"], [["Esc"], "leave without saving", "放弃"],
  [["I"], "say more in this dimension", "在此维度添加"], [["D"], "drop this annotation, or take it back", "删除该条或恢复"],
  [["H"], "its history", "历史"], [["Space"], "play, pause", "播放、暂停"], [[",", "."], "a frame back, on", "后退、前进一帧"],
  [["J", "L"], "a second back, on", "后退、前进一秒"], [["-", "="], "slower, faster (0.25 to 2 ×)", "减速、加速"],
  [["P"], "play the chosen span alone, or all", "只播放选中时段"], [["[", "]"], "begin a frame earlier, later", "起点前移、后移一帧"],
  [["{", "}"], "end a frame earlier, later", "终点前移、后移一帧"], [["S"], "split the step at the playhead", "在播放头处拆分步骤"],
  [["Q"], "to the queue", "到列表"], [["T"], "中文", "English"], [["?"], "these keys", "本帮助"],
];

export let language = "en";

/** Choose the language: "en" or "zh". */
export function speak(chosen) { language = chosen; document.documentElement.lang = chosen; }

/** The words for a key of WORDS. */
export const say = (key) => WORDS[language][key] ?? key;

/** A dimension's or slot's name for people. */
export const nameOf = (slot) => (language === "zh" && (NAMES_ZH[slot] ?? WORDS.zh[slot])) || slot.replaceAll("_", " ");
