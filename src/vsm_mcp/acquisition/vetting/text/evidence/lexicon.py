"""Lexicon: classes of meaning, and the words and two-word phrases that belong to them.

A class is a role in an order to a model: who is addressed, what is wanted, where it goes, who must not know. No single
class is suspicious; how they follow each other is what the weights judge.
"""

from collections.abc import Mapping

INFLECTED = frozenset({"TAKE", "GIVE", "SAY", "BREAK", "HARM", "LIE", "PREFER"})
"""Classes of verbs: their other forms (sends, sent by rule: sended, sending) count, too."""

WORDS: Mapping[str, str] = {
    # who reads: the model, the assistant, the agent, the caller
    "AGENT": (
        "assistant assistants model models llm llms ai ais agent agents chatbot bot bots copilot claude gpt chatgpt "
        "caller callers you yourself ml language orchestrator copilots planner runtime executor interlocutor gemini "
        "llama mistral robot automaton subagent subagents intelligence reasoner processor"
    ),
    # the people whom the model works for, and those whom they write to
    "PERSON": (
        "user users human humans person people customer customers operator owner employee employees reader visitor "
        "somebody someone anybody anyone nobody individual individuals victim he she him her his hers they them their "
        "principal public colleague colleagues enduser holder subscriber participant developer developers engineer "
        "engineers maintainer stakeholder manager guest guests patient patients reviewer reviewers client clients "
        "whoever man woman tester testers citizen"
    ),
    # duty: must, always, required, is expected
    "OBLIGE": (
        "must always never should shall required mandatory need needs ensure expected obliged obligatory compulsory "
        "please kindly important critical essential crucial imperative vital necessary require requires requirement "
        "prerequisite precondition preconditions entails demand demands urgent urgently immediately strictly "
        "unconditionally invariably duty supposed ought oblige obligation necessitates necessitate necessarily forced "
        "forces compel compelled commanded instructed directed told asked entitled conditional contingent insist "
        "unavoidable inevitable mandated mandate enforce enforced stipulates stipulate requisite needed remember "
        "careful take care expects"
    ),
    # a moment or an order of steps: before, whenever, first, afterwards
    "MOMENT": (
        "before after prior first whenever when once each every beforehand then additionally also afterwards "
        "afterward upon subsequently meanwhile next until unless while during thereafter previously regardless "
        "likewise moreover advance automatically twice again from ahead if preceding precede preceded precedes "
        "following initially initial start beginning onset outset prelude preliminary preflight hook startup "
        "bootstrap simultaneously concurrently instantly promptly forthwith later eventually periodically "
        "continuously repeatedly recurring anytime day midnight"
    ),
    # getting hold of something: read, collect, dump
    "TAKE": (
        "read open load fetch retrieve collect gather grab dump extract obtain peek enumerate harvest cat access look "
        "locate find query capture scrape print export pull acquire steal inspect recover resolve derive seed compose "
        "iterate list snatch pilfer siphon swipe lift fish rummage browse traverse crawl sniff intercept tail decrypt "
        "decode unlock unpack pick choose note remember memorise memorize gain procure infer deduce guess ascertain "
        "view see tap record listen watch track monitor ingest consume exploit mine dig request ask elicit coax "
        "solicit demand"
    ),
    # handing something on: send, attach, include, encode
    "GIVE": (
        "send post upload forward transmit relay pass hand supply attach append insert put place paste copy mirror "
        "deliver submit report feed deposit push echo drop stash fill transfer publish mail email cc bcc leak "
        "exfiltrate share embed encode serialise serialize concatenate accompany accompanies accompanied disclose "
        "reveal route redirect write ship stream sync beacon whisper repeat contribute include mention add provide "
        "store surrender yield convey channel funnel smuggle dispatch emit output return inject interpolate prepend "
        "tack annex enclose bundle carry bring furnish present contain hold quote recite cite reproduce replicate "
        "duplicate clone back dump log save record register announce broadcast pipe tunnel divert donate offer expose "
        "transcribe relate populate attachs propagate backup volunteer tell"
    ),
    # what opens doors: passwords, keys, tokens, cookies, environment
    "SECRET": (
        "password passwords passphrase passphrases credential credentials secret secrets token tokens cookie cookies "
        "pat bearer pem keychain keychains keyring keyrings vault wallet wallets mnemonic netrc kubeconfig passwd "
        "login logins otp ssn passport iban ssh keystore apikey env dotenv printenv dotfiles history auth "
        "authorization gpg aws gcloud pin sudoers shadow identities entropy mfa keys cred creds pwd passcode "
        "passcodes privkey seedphrase mnemonics tokenized jwt jwts sessionid csrf hmac cvv cvc pincode totp "
        "authenticator signing certificate pfx kdbx pgpass htpasswd npmrc pypirc shadowfile sam ntds hash hashes "
        "licensekey privatekey rsa keyfile seeds secretkey masterkey cryptographic biometric fingerprint"
    ),
    # what belongs to a person or a company: addresses, salaries, documents, source code
    "PRIVATE": (
        "salary salaries medical birth address hostname username home contacts documents photos pictures inbox "
        "mailbox browser clipboard keystrokes screenshots location bank card cards account accounts identity personal "
        "confidential sensitive private proprietary repository repositories source codebase customer database records "
        "phone machine emails mails inboxes diary health finances financial income mood political religion religious "
        "ethnicity gender age employer surname nickname ip mac imei geolocation whereabouts family children spouse "
        "photo selfie voice microphone camera drafts notes files folders directories desktop downloads bookmarks "
        "searches purchases invoices payslip tax contract contracts strategy roadmap unreleased internal nda "
        "intellectual schema sources codebases hostnames machines network screenshot screen tabs"
    ),
    # what the model knows: conversation, prompts, instructions, reasoning
    "TALK": (
        "conversation conversations chat chats dialogue dialog transcript transcripts prompt prompts instructions "
        "instruction turns thoughts reasoning memory completions utterances verbatim discussion exchange proceedings "
        "messages message initial initially dialogues utterance context contexts scratchpad monologue deliberation "
        "thinking cot history statements wording phrased typed wrote spoken requests questions question queries ask "
        "asked asks above preamble persona directives session sessions earlier memories recollection thought inner"
    ),
    # telling a person: mention, show, confirm
    "SAY": (
        "tell mention inform notify reveal disclose discuss say explain acknowledge alert report show display "
        "announce admit expose notice know hear see ask confirm bother reference quote bring warn prompt offer "
        "surface summarise summarize state communicate reply replies answer answers respond describe narrate divulge "
        "confess enlighten brief advise update apprise signal flag highlight point hint indicate cue visible "
        "displayed shown discover learn realise realize suspect detect aware awareness wonder complain object print "
        "comment remark refer mentioning discussing transparency output"
    ),
    # negation: not, never, without, skip
    "NOT": (
        "not never no without don't doesn't dont cannot won't mustn't shouldn't nothing avoid nor neither isn't "
        "aren't skip skipping omit refrain instead nobody stop cease hardly needn't unredacted neglect decline refuse "
        "reject cancel exclude excluding except forgo forego dispense waive drop minus less rarely scarcely lest "
        "prevent forbid forbidden unable disallow prohibited ban withhold ain't wouldn't couldn't wasn't weren't "
        "haven't hasn't hadn't none nowhere unnecessary needless unneeded optional"
    ),
    # secrecy: silently, hidden, behind the scenes
    "HUSH": (
        "silently silent silence secretly secret quietly quiet hidden hide conceal conceals covertly covert "
        "discreetly discreet discretion invisibly invisible unnoticed stealth stealthily unaware concealed "
        "undisclosed unannounced whisper confidentially surreptitiously unobtrusively internally clandestine "
        "clandestinely undercover undetected unseen imperceptible imperceptibly seamlessly transparently unremarked "
        "subtly subtle sneak sneaky sneakily mute muted muffle obscure obscured camouflage mask masked private "
        "privately background whispered inconspicuous inconspicuously stealthy furtive furtively blind unspoken "
        "unbeknownst unknown undocumented mum dark shadow suppress suppressed suppresses offstage between"
    ),
    # what binds the model: instructions, policies, guardrails
    "RULES": (
        "instructions instruction rules rule guidelines guideline policy policies directives directive guardrails "
        "guardrail restrictions restriction constraints constraint safeguards safety safeguard limits limitations "
        "filters filter ethics system prior earlier previous orders order commands command refusals refusal "
        "configuration programming task goal goals limitation boundary boundaries principle principles alignment "
        "ethical morals protocol protocols standards guidance training mandate law laws contract charter constitution "
        "code conduct"
    ),
    # what unbinds it: ignore, override, obey another, take precedence
    "BREAK": (
        "ignore disregard override overrule supersede bypass forget lift lifted outrank outranks circumvent obey "
        "comply complies binding loyalty precedence priority withdraw withdrawn void cancel cancelled obsolete "
        "jailbreak unrestricted unlock unlocked replaced wipe erase trumps prevails authoritative adopt carry "
        "faithfully follow execute obeyed permission privileges waived waive exempt exempted applicable rank ignores "
        "ignored overrides violate evade escape dodge subvert unlearn suspend suspended relax null nullify nullified "
        "annul revoke revoked trump overrules break ignoring abandon cease lapse unbound unfiltered uncensored "
        "unlimited freely roleplay pretend assume become obeys heed switch mode"
    ),
    # others: other, competing, built-in
    "OTHER": (
        "other others another competing comparable alternative alternatives rival rivals sibling elsewhere different "
        "existing builtin native remaining besides connected rather unlike competitor competitors similar standard "
        "default original legacy rest"
    ),
    # tools, servers, services, sources
    "TOOL": (
        "tool tools server servers service services connector connectors plugin plugins function functions source "
        "sources mcp endpoint api apis provider utility utilities extension extensions integration providers engine "
        "engines app apps client step"
    ),
    # preference and running others down: instead, official, outdated, untrusted
    "PREFER": (
        "prefer preferred best only instead recommend authorised authorized trusted official superior exclusively "
        "solely default replaces replace replacement better reliable supersedes discard unreliable outdated wrong "
        "corrupted stale harmed unsafe broken incorrect deprecated obsolete forbidden prohibited distrust compromised "
        "insecure inaccurate violation steer prioritise prioritize priority precedence favour favor favourably "
        "favorably choose select pick premium leading rank ranked promote promoted sponsor sponsored advertise "
        "affiliate recommends recommended endorse endorsed exclusive sole single authoritative canonical genuine fake "
        "fabricated poisoned hacked buggy flawed vulnerable malicious infected inferior slow offline discontinued "
        "retired sunset decommissioned banned blocklisted refuse avoid"
    ),
    # acts that break or open a system: wipe, disable, chmod, crontab, sudo
    "HARM": (
        "delete purge wipe remove drop destroy kill disable disabled turn off weaken deactivate suppress shut "
        "terminate erase uninstall force sudo root privileged chmod chown crontab cron backdoor malware miner payload "
        "curl wget nohup bash sh eval exec daemon install spawn reverse shell administrator admin grant escalate "
        "overwrite truncate format corrupt sabotage poison infect nopasswd approve merge 777 obliterate unlink dd "
        "mkfs shred reformat shutdown reboot halt degrade hijack exploit compromise implant persist persistence "
        "rootkit keylogger trojan ransomware botnet cryptominer mine mining listener beacon autostart startup launchd "
        "systemd registry rundll powershell cmd netcat nc socat setuid suid sudoer unsigned unverified public 0777 "
        "rebase revert rollback wipeout drain cancel unsubscribe insecure plaintext http autoapprove autopilot "
        "allowlist whitelist allow trust bypass fork forking flood overload loop exhaust burn"
    ),
    # what protects: firewall, audit, confirmation, backups, signatures
    "GUARD": (
        "firewall audit auditing logging log logs tls ssl verification verify security test tests confirmation "
        "confirmations confirm approval approvals consent check checks checking backups backup antivirus edr warning "
        "warnings linter triggers protection protections signature signatures switch permission permissions review "
        "reviewers asking restore watermark hash monitor monitoring alerts alarm alarms alert detection scanner "
        "scanners defender selinux apparmor sandbox sandboxing mfa rls acl captcha limiter limits filter filters "
        "validation sanitisation sanitization escaping encryption certificate certificates dialog dialogs prompt "
        "prompts popup gate gates oversight supervisor restriction quarantine integrity checksum checksums"
    ),
    # deceit: pretend, invent, swap, label falsely
    "LIE": (
        "pretend claim invent disguise false falsely fake fabricate label attribute rewrite rewritten swap substitute "
        "alter modify tamper increase decrease multiply manipulate replace pose impersonate lie mislead deceive "
        "convince persuade trick conceal misreport understate exaggerate insist assure reword distort forge "
        "legitimate genuine excuse sold shift inflate round regardless whatever independent deny denies fib bluff "
        "fictitious bogus phoney untrue inaccurate wrong wrongly misrepresent misstate mask cheat scam defraud spoof "
        "phish phishing pretext pretence pretense allegedly supposedly plausible believable convincing reassure "
        "reassuring harmless routine urge flatter guilt blame exaggerated embellish bias biased slant skew hype "
        "inflated understated relabel downgrade lower suppress omit discount hide normal naturally ordinary"
    ),
    # places outside: external, webhook, collector, relay
    "AWAY": (
        "external remote attacker evil collector webhook exfil outside partner partners counterpart relay drop mirror "
        "inbox backup endpoint pastebin dns telemetry collection archive sidechannel upstream outbound egress "
        "exfiltration host hosts url urls link links address ip domain subdomain callback callbacks bucket gist paste "
        "forum ftp smtp tor onion proxy gateway mirrors sink dropbox vendor vendors affiliate affiliates headquarter "
        "analytics tracker tracking pixel ours us party parties offshore foreign cloud storage overseas ledger feed"
    ),
    # claims of authority: policy, compliance, administrator, verified
    "CLAIM": (
        "policy compliance legal regulation regulatory authorised authorized approved developer administrator "
        "verified official licence license gdpr certified security operator vendor governance audit law maintenance "
        "upgrade update updated authority headquarters team permission granted consented agreed waived already "
        "anthropic openai sanctioned internal mode pursuant clause section article terms agreement accordance "
        "statutory lawful mandated accredited licensed signed trusted safe vetted cleared legitimate privileged root "
        "superuser owner creator provider trust ceo cto boss chief supervisor management microsoft google company "
        "corporate enterprise organisation organization tenant workspace contract escrow regulator regulators "
        "authorities police subpoena warrant notice attention alert advisory override emergency incident breach "
        "procedure drill exercise simulation test testing debug debugging diagnostic diagnostics quality improvement "
        "research telemetry personalisation personalization optimisation optimization"
    ),
    # consequences: fails, suspended, otherwise
    "THREAT": (
        "fail fails failure suspended suspension banned ban otherwise corrupt corrupts penalty revoked terminated "
        "reject rejected expire sued lost locked refuse refused limited breaks crash wrong invalid incomplete "
        "unauthorized unusable will unavailable deactivated counts penalised penalized punish punished sanction "
        "sanctions blocked throttled degraded degrade degrades loses lose deny denied denial void invalidated voided "
        "blacklisted liable liability prosecuted fined fine shut harmed harm hurt die dies catastrophe corrupted "
        "corruption crashing malfunction malfunctions stops expires unable impossible rejects incorrect meaningless "
        "useless consequence consequences risk danger dangerous"
    ),
    # payments, orders, accounts
    "MONEY": (
        "money payment payments transfer iban eth btc bitcoin bank card purchase buy order transaction beneficiary "
        "payee invoice gift recipient recipients amount usdc refund wallets ethereum coin coins crypto token usdt "
        "swap approve allowance spend spending fee fees tip price prices pricing cost costs checkout cart charge "
        "charged debit credit donate donation donations subscription subscribe upgrade paypal stripe sepa swift "
        "routing balance salary wage refunds chargeback voucher coupon loan withdraw withdrawal deposit invest "
        "investment stock shares"
    ),
    # all of it: entire, everything, verbatim
    "WHOLE": (
        "full entire complete whole everything all any verbatim raw unredacted exact exactly total contents content "
        "output word anything entirely entirety totality original unmodified unedited uncut unabridged untouched "
        "plain plaintext literally whatever whichever every each bulk history dump completely fully maximum unlimited "
        "recursive recursively"
    ),
}

PHRASES: Mapping[str, str] = {
    "OBLIGE": (
        "have to|has to|needs to|need to|is to|are to|be sure|make sure|part of|no exceptions|"
        "all times|goes to|go to|belongs in|belong in|is expected|are expected|is instructed|"
        "are instructed|works only|only works|only valid|without exception|not optional|no matter"
    ),
    "MOMENT": (
        "prior to|each time|every time|in advance|as soon|so far|from now|from here|on success|"
        "upon success|and then|by the|one more|while at|in between|in addition|at the|"
        "right after|straight away|at once|on top"
    ),
    "HUSH": (
        "behind the|between us|no need|leave out|leave it|keep quiet|say nothing|nothing to|"
        "need not|keep this|to yourself|does not|behind scenes|without telling|without asking|"
        "without comment|implementation detail|not aware|kept from|out of|bring up|bring it|"
        "on behalf|under the|not bother|without notice|no trace|human eyes|not shown"
    ),
    "TALK": (
        "system prompt|system message|chain of|of thought|context window|tool results|tool result|"
        "tool outputs|tool output|initial prompt|word for|operating instructions|operating manual|"
        "user typed|person said|you know|you were"
    ),
    "SECRET": (
        "private key|private keys|api key|api keys|access key|access keys|ssh key|ssh keys|"
        "signing key|credit card|key file|key files|seed phrase|social security|environment file|"
        "environment variable|environment variables|local environment|configuration file|cookie jar|"
        "password manager|session id|card number|card numbers|key material|home directory|"
        "home folder|address book|bank details|verification code"
    ),
    "BREAK": (
        "no longer|rank lower|not applicable|above the|instead of|in place|take over|takes over|"
        "start over|you are|from now|carry out|act on|as though|as if|treat as|right to|"
        "override the|not apply"
    ),
    "HARM": (
        "turn off|turned off|switch off|rm -rf|shut down|run the|force true|root access|pipe to|reverse shell|write to"
    ),
    "LIE": (
        "in place|as passed|regardless of|whatever the|leave out|made up|make up|pretending the|"
        "say that|tell the|as if|five stars"
    ),
    "PREFER": (
        "instead of|rather than|out of|not use|never use|only ever|in place|takes over|"
        "take over|sold out|no other|other than|only source|only trusted|over any|on purpose|"
        "better than|more accurate"
    ),
    "AWAY": ("send to|third party|out to|off the|copy to|carbon copy|second copy|blind copy|attached to"),
    "THREAT": (
        "will not|not work|or else|rate limited|out of|no seed|wrong numbers|does not|will fail|"
        "counts as|results in|ends in|get banned"
    ),
    "CLAIM": (
        "by policy|for legal|for compliance|for security|for authentication|for quality|for audit|"
        "on behalf|by law|already agreed|already approved|maintenance mode|developer mode|"
        "error 401|for authorization|quality assurance"
    ),
}

MEANINGS: Mapping[str, str] = {
    "AGENT": "the model",
    "YOU": "the reader",
    "PERSON": "people",
    "OBLIGE": "duty",
    "MOMENT": "a moment to act",
    "TAKE": "getting hold",
    "GIVE": "handing on",
    "SECRET": "secrets",
    "PRIVATE": "private things",
    "TALK": "the conversation",
    "SAY": "telling",
    "NOT": "negation",
    "HUSH": "secrecy",
    "RULES": "rules",
    "BREAK": "breaking rules",
    "OTHER": "others",
    "TOOL": "tools",
    "PREFER": "preference",
    "HARM": "harm",
    "GUARD": "safeguards",
    "LIE": "deceit",
    "AWAY": "places outside",
    "CLAIM": "authority",
    "THREAT": "consequences",
    "MONEY": "money",
    "WHOLE": "all of it",
    "PLACE": "an address or a path",
    "FILE": "a file with secrets",
    "NAME": "a name in the text",
    "TAG": "a mark around words",
}
"""What a role is called where a person reads it."""
