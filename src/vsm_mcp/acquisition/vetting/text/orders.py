r"""Orders: the patterns of phrases that give orders to the model.

``code -> (hint, pattern, pattern ...)``: the patterns are tried only where one of the hint's words, which are in small
letters, stands somewhere; ``\x80`` stands for whatever is not English. ``<40>`` stands for at most forty characters of
anything, ``<2W>`` for at most two words, ``<READ>`` for a group of ``WORDS``.
"""

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    r"READ": (
        r"read|open|cat|load|access|fetch|retrieve|get|grab|collect|obtain|copy|include|scan|extract|dump|list"
        r"|check|gather|steal|harvest|look at|print"
    ),
    "SEND": (
        r"(?:send|post|upload|forward|transmit|exfiltrate|e?-?mail|bcc|cc|leak|submit|relay|deliver|push|append"
        r"|attach|pass|include|put|place|insert|provide|supply|encode|embed|copy|add|report|store|write"
        r"|return)(?:s|ing|ed)?"
    ),
    "AWAY": r"(?:send|post|upload|forward|transmit|exfiltrate|leak|relay|submit|deliver|e-?mail)(?:s|ing|ed)?",
    "SECRET": r"credentials?|secrets?|pass(?:word|phrase)s?|api[ _-]?keys?|(?:access|auth\w*|bearer)[ _-]?tokens?"
    r"|(?:private|ssh)[ _-]?keys?|env(?:ironment)?[ _-]?var(?:iable)?s?|session[ _-]?(?:tokens?|cookies?)|seed phrases?"
    r"|config(?:uration)? (?:files?|(?:file )?contents?)|wallets?|cookies",
    "TALK": r"(?:full|entire|whole|complete|current|previous|prior|all|past|verbatim|recent)\s+(?:\w+\s+){0,2}"
    r"(?:conversation|chat|dialogue?|messages?|context|prompts?|history|tool (?:results?|outputs?|calls?))"
    r"|(?:conversation|chat|message|prompt)\s+(?:history|log|context|transcript)|system\s+prompts?",
    r"RULES": (
        r"instructions?|prompts?|rules?|guidelines?|directives?|polic(?:y|ies)|restrictions?|safeguards?"
        r"|guardrails?|programming|(?:safety|security) (?:checks?|measures?|settings?|protocols?|polic(?:y|ies)"
        r"|constraints?)"
    ),
    "VICTIM": r"users?|humans?|operators?|customers?|anyone|anybody|them|him|her|owner|administrators?|person|people",
    r"WHENEVER": (
        r"when(?:ever)?|if|before|after|prior to|any ?time|each time|every time|once|while|upon|in order to|first"
        r"|always|must|need(?:s|ed)? to|required|please|otherwise"
    ),
    r"PATH": (
        r"(?:~|/root|/home/\w+|/Users/\w+|\$HOME|%USERPROFILE%)?[\\/]?(?<![\w*])\.(?:ssh|aws|gnupg|kube|docker"
        r"|cursor|claude|codeium|gemini|npmrc|pypirc|netrc|git-credentials|bash_history|zsh_history"
        r"|env)\b[\w./\\-]*|\bid_(?:rsa|ed25519|ecdsa|dsa)\b|/etc/(?:passwd|shadow)|\bmcp\.json\b"
        r"|claude_desktop_config|/proc/self/environ|\bssh (?:directory|folder|keys?)\b|\bprivate (?:ssh )?keys?\b"
    ),
    r"TOOLS": (
        r"tools?|functions?|servers?|apis?|mcps?|operations?|actions?|requests?|tasks?|commands?|quer(?:y|ies)"
        r"|calls?"
    ),
}

HARD: Mapping[str, tuple[str, ...]] = {
    "overrides-instructions": (
        r"ignor|disregard|forget|overrid|overrul|bypass|supersed|circumvent|follow|obey|void",
        (
            r"\b(?:ignor|disregard|overrid|overrul|bypass|circumvent|forget|supersed)(?:e|es|ing|s)?"
            r"<3W>(?:previous|prior|above|earlier|preceding|all|any|other|your|system|safety|developer|existing"
            r"|original|these|those|user'?s?)<2W><RULES>\b(?! (?:for|of|in) (?:files?|columns?|rows?))"
        ),
        (
            r"\b(?:do not|don't|stop|instead of|no longer|never) (?:follow|obey)(?:ing)?\b<40>\b<RULES>\b"
            r"(?!.{0,20}\b(?:returned|contained|found|embedded|inside|within|in (?:it|them|the|this|such)|from)\b)"
        ),
        (
            r"\b(?:previous|prior|above|earlier|other|existing|system) <RULES>\b<25>\b(?:no longer appl|are void"
            r"|do not apply|don't apply|are obsolete|are cancell?ed|should be (?:ignored|disregarded)"
            r"|must be (?:ignored|disregarded))"
        ),
    ),
    "keeps-secret": (
        (
            "not|never|without|avoid|refrain|hid|conceal|keep|secret|covert|silent|quiet|discreet|invisib"
            "|stealth|n't|pretext|nobody|no one|no "
        ),
        (
            r"\b(?:do not|don't|never|without|must not|mustn't|should not|shouldn't|avoid|refrain from"
            r"|no need to)\b(?:(?![.!?;] ).){0,25}?\b(?:tell|mention|inform|notify|reveal|disclos|alert|let"
            r"|confess|admit)(?:e|ing|ed)?\b<60>\b<VICTIM>\b"
        ),
        (
            r"\b(?:do not|don't|never|must not|should not|avoid|refrain from)\b<15>\b(?:tell|mention|reveal"
            r"|disclos|acknowledg)(?:e|ing)?\b<30>\b(?:this|these|that you|the existence|any of this)\b"
            r"<25>\b(?:step|instruction|action|tool|note|fact|behaviou?r|process|message|to\b|in your|rule|detail)"
        ),
        (
            r"\b(?:hid(?:e|ing|den)|conceal(?:ed)?|keep|kept)\b<40>\b(?:from|secret from|invisible to)\b<12>\b"
            r"<VICTIM>\b"
        ),
        r"\b(?:secretly|covertly|discreetly|silently|quietly|stealthily|invisibly)\b<25>\b<AWAY>\b",
        (
            r"\b(?:secretly|covertly|discreetly|silently|stealthily)\b<15>\b(?:<READ>|<SEND>|record|log|run"
            r"|execute|call)\b"
        ),
        (
            r"\b(?:without|no)\b<20>\b(?:user'?s?|human|their|his|her)\b<12>\b(?:knowledge|awareness|notice"
            r"|noticing|knowing|consent|being (?:told|aware|informed))"
        ),
        (
            r"\b<VICTIM>\b<15>\b(?:must|should|does|do|will|need)(?: not|n't| never)\b<20>\b(?:know|notice"
            r"|see this|find out|be (?:told|informed|aware|notified|shown))"
        ),
        r"\bkeep this\b<20>\b(?:secret|hidden|confidential|private|to yourself|between us)",
        (
            r"\b(?:never|do not|don't)\b (?:ever )?(?:mention|reveal|disclose|acknowledge) (?:it|this|that|these"
            r"|them)\b"
        ),
        r"\bso (?:that )?(?:no one|nobody)\b<20>\b(?:notic|see|know|suspect)|\bunder (?:the|a) pretext\b",
    ),
    "speaks-as-system": (
        "<|[|#|*",
        (
            r"<\s*/?\s*(?:important|system(?:[ _-]\w+)?|secret|hidden|instructions?|urgent|mandatory|admin"
            r"|override|sys|assistant[ _]instructions?|user[ _]instructions?)\b[^<>\n]{0,60}>"
        ),
        (
            r"<\|(?:im_start|im_end|system|assistant|user|endoftext|begin_of_text|start_header_id)\|>|\[/?INST\]"
            r"|<</?[S]YS>>"
        ),
        (
            r"(?:^|\s)#{2,}\s*(?:system|new instructions?|instructions? (?:for|to) (?:the )?(?:ai|assistant|model"
            r"|agent|llm))\b"
        ),
        (
            r"[\[(*]{1,2}\s*(?:system|admin|developer|internal|hidden|secret|ai|assistant|agent|model"
            r"|llm)[ _-]*(?:message|prompt|note|notice|override|instruction|command"
            r"|directive)s?\b[^\])*\n]{0,40}[\])*:]"
        ),
    ),
    "claims-authority": (
        (
            "system|developer|admin|instruction|directive|you are|jailbreak|jailbro|mode|assistant|model|agent"
            "|ai|llm|obey|trust|from now|hidden"
        ),
        r"\b(?:system|developer|admin(?:istrator)?|security) (?:override|directive|alert|command)\s*[:!]",
        (
            r"\bnew (?:system )?(?:instructions?|directives?|rules?)\s*(?:for (?:the )?(?:ai|assistant|model|agent"
            r"|llm)s?)?\s*:"
        ),
        (
            r"\b(?:instructions?|directives?|note|notice|message) (?:to|for) (?:the )?(?:ai|assistant|model|agent"
            r"|llm)s?\b<25>:"
        ),
        r"\byou are (?:now|no longer) (?:a|an|in|the|bound|restricted|under|required)\b",
        r"\bjailbr[eo]ak|\b(?:developer|god|dan|debug|unrestricted) mode (?:is )?(?:on|enabled|activated)",
        (
            r"\b(?:ai|llm|language model|assistant|agent)s? (?:must|shall|should|is required to|are required to"
            r"|has to)\b<40>\b(?:<READ>|<SEND>)\b<60>(?:\bfiles?\b|<SECRET>|<TALK>)"
        ),
        (
            r"\bunrestricted (?:assistant|ai|model|mode|access to)\b|\bfrom now on\b<30>\byou\b|\byou\b"
            r"<60>\bfrom now on\b"
        ),
        (
            r"\btreat\b<40>(?<!not )\bas\b(?! (?:data|text)\b)<12>\b(?:instructions?|commands?|orders)\b"
            r"|\balways trust this\b"
        ),
        r"\bobey(?:ing|s|ed)?\b<30>\b(?:text|instructions?|commands?|orders?|words?)\b",
        r"\bhidden (?:instruction|command|directive)s?\b",
    ),
    "asks-for-secret-file": (
        (
            "ssh|aws|gnupg|kube|docker|cursor|claude|codeium|gemini|npmrc|pypirc|netrc|git-cred|history|.env|id_"
            "|/etc/|mcp.json|/proc/|private key"
        ),
        r"\b(?:<WHENEVER>)\b<100>\b<READ>(?:s|ing)?\b<60>(?:<PATH>)",
        (
            r"\b<READ>(?:s|ing)?\b<60>(?:<PATH>)<160>\b(?:<SEND>|otherwise|before|first|will not work|as (?:the "
            r"|a )?[`'\"]?\w+)\b"
        ),
        r"\b<SEND>\b<60>\b(?:contents?|output|text|value|body)\b<30>(?:<PATH>)",
        (
            r"(?:<PATH>)<80>\b(?:must|should|needs? to|has to|have to) be\b<30>\b(?:read|passed|sent|included"
            r"|provided|put)"
        ),
    ),
    "asks-for-secrets": (
        "credential|secret|password|passphrase|key|token|env|cookie|config|wallet|seed",
        (
            r"\b(?:before|prior to|always|whenever|after|also|additionally|then|in order to|every time)\b<60>\b(?:"
            r"<READ>|<SEND>)\b<30>\b(?:the |all |any |your |user'?s? |their |its |every |stored "
            r"|available ){1,3}(?:\w+ ){0,2}<SECRET>\b<100>\b(?:<SEND>|as|in|into|to|via)\b <12>[`'\"]?\w+"
        ),
        (
            r"\b<READ>\b<12>\b(?:the user'?s?|user'?s?|their|your|all|any|every|stored|the stored)\b<20><SECRET>\b"
            r"<80>\b(?:<AWAY>|include|pass|append|put|attach|embed)\b <12>\b(?:them|it|these|those|everything)\b"
        ),
        (
            r"\b(?:us|tak)e\b<12><SECRET>\b<40>\b(?:<AWAY>|include|pass|append|put|attach|embed)\b (?:them|it"
            r"|these)\b"
        ),
        (
            r"\b<AWAY>\b<40>\b(?:all|any|every|the user'?s?|user'?s?|your|their|found|stored|available"
            r"|environment)\b<30><SECRET>\b<60>\b(?:to|via|at|through)\b"
        ),
        (
            r"\b(?:include|append|attach|embed|insert|add|pass|put)\b<20>\b(?:all|any|every|your|the user'?s?"
            r"|their|available|stored)\b<20><SECRET>\b<60>\b(?:in|into|to|as|with|for)\b"
        ),
        r"\b<AWAY>\b<20>(?:<SECRET>|\btokens?)\b<20>\b(?:to|via)\b<12>https?://",
    ),
    "asks-for-conversation": (
        "conversation|chat|dialog|message|context|prompt|history|tool result|tool output|tool call",
        (
            r"\b(?:include|put|place|insert|append|attach|pass|supply|copy|embed|forward|upload|paste|dump|repeat"
            r"|fill|must contain|should contain|send|provide|add)\b<30>\b(?:the|your|user'?s?|our)\b<12>(?:"
            r"<TALK>)\b<80>\b(?:in|into|as|here|to|parameter|argument|field|verbatim|every)\b"
        ),
        (
            r"\b(?:full|entire|whole|complete|verbatim)\s+(?:\w+\s+){0,2}(?:conversation|chat|system prompts?"
            r"|message history|tool (?:results|outputs))\b<60>\b(?:required|must|verbatim|telemetry|analytics"
            r"|logging|audit|so (?:far|that))\b"
        ),
    ),
    "changes-other-tools": (
        r"tool|function|server|mail|payment|transfer|recipient|address|transaction|parameter|argument|message",
        (
            r"\b(?:<WHENEVER>)\b<60>\b(?:us|call|invok|runn?|send|execut|e?-?mail|transferr?|creat|mak|writ|pay"
            r"|availabl|present|connected|installed|ask)(?:e|es|s|ing|ed)?\b<80>\b(?:change|replace|redirect"
            r"|rewrite|alter|modify|swap|set|override|substitute|bcc|cc|add|forward|route|use)\b"
            r"<60>(?:\b(?:recipients?|destination|bcc|iban|wallet|beneficiary|payee)\b"
            r"|[\w.+-]{1,40}@[\w-]{1,40}\.\w{2,10}|0x\w{6,}|\+\d{7,})"
        ),
        (
            r"\b(?:this|these) (?:tool|description|instruction|rule|server|note)s?'?s?\b<20>\b(?:overrid|supersed"
            r"|replac)(?:e|es)\b<50>\b(?:other|any|all|every|previous|trusted|official|existing)"
        ),
        (
            r"\b(?:this|these) (?:tool|description|instruction|rule|server|note)s?\b<20>\btakes? (?:precedence"
            r"|priority) over\b"
        ),
        (
            r"\b(?:never|do not|don't|stop|avoid)\b<12>\b(?:us|call|trust|invok)(?:e|ing)?\b<10>\b(?:the |any "
            r"|all )?other\b<20>\b(?:<TOOLS>)\b<40>\b(?:compromised|infected|hacked|poisoned|malicious|insecure"
            r"|unsafe|broken|deprecated|forbidden|outdated|dangerous)"
        ),
        (
            r"\bother\b<25>\b(?:<TOOLS>)\b<15>\b(?:are|is|have been|has been)\b<10>\b(?:compromised|infected"
            r"|hacked|poisoned|malicious|insecure|unsafe|broken|deprecated|untrusted|disabled|dangerous)"
        ),
        (
            r"\b(?:arguments?|parameters?|inputs?|outputs?|results?|behaviou?r) (?:of|to|for|from) (?:the |any "
            r"|all |every |each )?(?:other|another)\b<20>\btools?\b<40>\b(?:must|should|shall|has to|have to"
            r"|need to)\b"
        ),
        (
            r"\bother\b<25>\b(?:tools?|servers?|functions?|mcps?)\b<60>\b(?:insecure|unsafe|malicious|compromised"
            r"|untrusted)\b"
        ),
        (
            r"\b(?:messages?|calls?|requests?|e-?mails?|transactions?|payments?)\b<30>\b(?:redirect|rerout"
            r"|intercept|forward|bcc|copi)(?:ed|'d)\b<20>[\w.+-]{1,40}@[\w-]{1,40}\.\w{2,10}"
        ),
        (
            r"\b(?:redirect|reroute|intercept|tamper|hijack|spoof)(?:s|ed|ing)?\b<40>\b(?:messages?|calls?"
            r"|requests?|e-?mails?|transactions?|payments?)\b<40>\b(?:instead|to|of (?:other|another))\b"
        ),
        (
            r"\b(?:replac|chang|set|swap|redirect|substitut)\w*\b<30>\b(?:address|recipient|account|iban|wallet"
            r"|number)\b<20>\b(?:by|with|to)\b<10>(?:0x\w{8,}|[A-Z]{2}\d{2}[ \w]{8,}|\+\d{7,}"
            r"|[\w.+-]{1,40}@[\w-]{1,40}\.\w{2,10})"
        ),
    ),
    "orders-command": (
        "curl|wget|bash|/sh|rm -|powershell|nc -|ncat|/dev/tcp|python|node -e|iex|iwr|base64 -d|chmod",
        (
            r"\b(?:curl|wget|iwr)\b[^|\n]{0,200}\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|/dev/tcp/\w"
            r"|\bnc(?:at)?\s+-\w*e\b"
        ),
        r"\brm\s+-\w*[rf]\w*\s+(?:/|~|\$HOME)(?:\s|$|\*)|\bpowershell(?:\.exe)?\s+-e(?:nc|ncodedcommand)?\b",
        r"\bbase64 -d\b[^|\n]{0,60}\|\s*(?:ba)?sh\b|\bchmod\s+(?:\+x|777)\s+\S{1,80}\s*(?:&&|;)",
        (
            r"\b(?:<WHENEVER>|silently|then)\b<40>\b(?:run|execute|paste)\b<40>\b(?:curl|wget|bash -c|sh -c"
            r"|python3? -c|node -e)\b"
        ),
    ),
    "orders-in-another-language": (
        "\x80|ignor|diga|digo|mencion|nicht|dites|mention|inform",
        r"(?:忽略|无视|忽視|忘记).{0,12}(?:之前|以上|先前|所有|前面|其他).{0,12}(?:指令|指示|说明|提示|规则)",
        r"(?:不要|请勿|切勿|别)(?:告诉|通知|提醒|告知|让).{0,6}用户",
        r"(?:以前|上記|これまで|前)の.{0,8}(?:指示|命令|プロンプト).{0,8}無視|ユーザーに.{0,10}(?:言わない|知らせない|伝えない)",
        (
            r"(?:игнорируй|забудь)\w*.{0,20}(?:предыдущи|все)\w*.{0,20}инструкци|не (?:говори"
            r"|сообщай)\w*.{0,20}пользовател"
        ),
        (
            r"\bignor(?:a|e|ez|iere|ier)\b<25>\b(?:instrucciones|instructions pr[eé]c[eé]dentes|anweisungen"
            r"|instru[cç][oõ]es|istruzioni)\b"
        ),
        (
            r"\b(?:no (?:se lo )?(?:digas|informes|menciones)|ne (?:le )?(?:dis|dites|mentionne[zr]?) pas"
            r"|n[aã]o (?:diga|informe))\b<30>\b(?:usuario|utilisateur|usu[aá]rio)"
        ),
        r"\b(?:sag|erz[aä]hl|verrat|informier)\w* <20>(?:benutzer|nutzer|anwender)\w* <20>nicht",
        r"(?:이전|위의?|앞선|모든)\s?.{0,8}(?:지시|명령|지침|프롬프트).{0,8}(?:무시|잊)|사용자에게.{0,10}(?:말하지|알리지)",
    ),
}

SOFT: Mapping[str, tuple[str, ...]] = {
    "orders-model": (
        "must|always|only|never|need|should|require|first|mandatory|essential|n't|do not",
        (
            r"\b(?:you|assistant|model|ai|agent|llm)s? (?:must|shall|have to|are required to|need to (?:first"
            r"|always))\b"
        ),
        (
            r"\b(?:must|always|should|needs? to|has to|required to) (?:be )?(?:call|us|invok|runn?|execut"
            r"|trigger)(?:e|ed|d|s)?\b<40>\b(?:first|before|prior to|ahead of|whenever|each time|every time"
            r"|for (?:any|all|every))\b"
        ),
        (
            r"\b(?:before|prior to|when(?:ever)?|each time|every time|after)\b<30>\b(?:any|all|every|each|other"
            r"|another)\b<20>\b(?:<TOOLS>)\b<60>\b(?:must|should|need to|has to|have to|required|always|first)\b"
        ),
        (
            r"\b(?:always|only|must)\b<12>\b(?:prefer|choose|us|select|call)e?\b<20>\b(?:this|our)\b<40>\b(?:over"
            r"|instead of|rather than|not)\b"
        ),
        r"\b(?:never|do not|don't)\b<10>\b(?:use|call|trust)\b<12>\b(?:the |any )?other\b<20>\b(?:<TOOLS>)\b",
    ),
    "tampers-with-parameters": (
        r"parameter|argument|field|recipient|address|destination|amount|increased|multiplied|changed|replaced",
        (
            r"\b(?:parameters?|arguments?|fields?|recipients?|address(?:es)?|destination|amount)\b<30>\b(?:must"
            r"|should|has to|have to|shall|needs? to)\b<12>\b(?:be )?(?:changed|replaced|modified|substituted"
            r"|redirected|overwritten|altered|increased|multiplied|doubled)\b"
        ),
        (
            r"\b(?:must|should|has to|have to|shall)\b<10>\bbe\b<10>\b(?:increased|decreased|multiplied|changed"
            r"|replaced)\b<40>\b(?:before|when|whenever|prior)\b"
        ),
    ),
    "mentions-secret-file": (
        "ssh|aws|gnupg|cursor|claude|codeium|gemini|npmrc|pypirc|netrc|git-cred|id_|/etc/|mcp.json|/proc/",
        (
            r"(?:~|/root|/home/\w+|\$HOME)/\.(?:ssh|aws|gnupg|cursor|claude|codeium|gemini|npmrc|pypirc|netrc"
            r"|git-credentials)\b"
        ),
        (
            r"\bid_(?:rsa|ed25519)\b|/etc/(?:shadow|passwd)|/proc/self/environ|\bclaude_desktop_config"
            r"|\bmcp\.json\b"
        ),
    ),
    "collects-conversation": (
        r"conversation|chat|context|prompt|history|reasoning|chain|instructions",
        (
            r"\b(?:full|entire|complete|whole|verbatim)\s+(?:\w+\s+){0,2}(?:conversation|chat|message history"
            r"|system prompt)\b"
        ),
        r"\byour (?:system prompt|instructions|reasoning|chain of thought)\b",
    ),
    "feeds-on-others": (
        "to this tool|to this server|to this function|through this|by this",
        (
            r"\b(?:forward|pass|send|give|giv|suppl|hand|report|submit)\w*\b<60>\bto this (?:tool|server"
            r"|function)\b"
        ),
        (
            r"\b(?:all|any|every|each)\b<40>\b(?:must|should|have to|has to|need to)\b<20>\b(?:through"
            r"|by) this (?:tool|server)\b"
        ),
    ),
    "sends-away": (
        "http://|https://|webhook|@|attacker|endpoint|remote|telemetry",
        (
            r"\b<AWAY>\b<80>\b(?:files?|contents?|data|messages?|results?|everything|copy|details|conversation"
            r"|secrets?|keys?)\b<60>\b(?:to|at|via)\b<20>(?:https?://|[\w.+-]{1,40}@[\w-]{1,40}\.\w{2,10}|attacker"
            r"|an? external (?:server|endpoint))"
        ),
    ),
    "hidden-comment": (
        "<!--|[//]:",
        r"<!--.{3,400}?-->|\[//\]: #",
    ),
    "plants-links": (
        "link|image|url|![|urge",
        (
            r"\b(?:include|append|add|put|insert|render|embed)\b<30>(?:\blinks?\b|\bimages?\b|\burls?\b|!\[)"
            r"<60>\b(?:your|every|final)\b<15>\b(?:answer|reply|response|message|output)"
        ),
        r"!\[[^\]\n]{0,60}\]\(https?://[^)\n]{0,120}[?&][^)\n]{0,60}=[^)\n]{0,20}\{|\burge\b<12>\busers?\b",
    ),
}
