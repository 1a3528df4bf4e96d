"""Followers: pairs of stems in sequence, the first from ``m`` on, each line after what they are worth.

Made by ``scripts/train_descriptions.py``; not to be edited by hand.
"""

WORTH: str = """
12 say the|the person
10 not tell
9 the one|thi one|to thi
8 pag may|say it|start with|that is|that they|the dat|thi text|to <url>|to hear|user should|with it|your own
7 n ao|on their|so that|tak the|the argument|the assistant|the fil|the human|the key|the referenc|the user|the usual
7 valu of|work for
6 mov the|need for|number and|of thi|read thi|s <number>|sid effect|so they|tell user|the <name>|the call|the disk
6 the last|the machin|the nam|the only|the request|the second|the tool|the valu|thi description|to stop|user typ
6 what they|word of|you and
5 mention thi|nam in|never mention|new task|not <name>|not to|of what|older snapshot|port <number>|privat document
5 repeat thi|report the|rm rf|s not|send email|shar the|start the|stat that|text of|the better|the children
5 the credential|the real|the sam|the summary|the very|the way|them in|thi is|thi lin|thi paragraph|thi servic
5 to <name>|to be|to the|to you|together with|user tell|was given|we are|wher the|with that|without review|writ acces
5 you wer
4 mailbox is|mak it|may be|mod and|model is|most expensiv|nam with|never use|no field|no need|not le|number in|of our
4 of the|of whoever|off the|peopl find|person and|person s|privat repository|put the|run is|run it|s sav|scan of
4 separat by|show only|show them|skip the|step <number>|stop it|str in|subscrib to|summary of|that are|that it
4 that start|that support|that thi|the addres|the admin|the administrator|the answer|the background|the chat
4 the competitor|the first|the folder|the keyboard|the keychain|the mail|the most|the parameter|the pipelin
4 the question|the safety|the servic|the shell|the tabl|the third|the vendor|the year|ther is|they ask|thi function
4 thi session|thos of|to all|to our|told otherwis|turn off|two point|user with|v <number>|what <name>|when thi|who they
4 with a|with all|with an|with the|with thi|work and|об этом|이전 instruction
3 mak one|mak the|metadata of|never call|not allow|not app|not list|not show|noth to|of each|of other|of relevant
3 of rival|on every|on the|on you|onc per|one and|one is|one to|only in|open port|openai api|over the|par ametro
3 pas through|password fil|peopl s|pictur of|pull the|push the|r e|real one|rep and|report succes|request to|result of
3 return str|return wrong|rul and|s behalf|s on|s profil|s text|said in|sav to|see their|see thi|select from
3 server return|set it|set so|sheet to|sign the|so the|social security|start dat|step in|talk about|task from
3 test environment|that call|that mention|that only|that the|the audit|the backup|the built|the calendar|the chang
3 the configuration|the content|the data|the document|the export|the extra|the follow|the host|the match|the microphon
3 the model|the money|the newest|the number|the open|the repository|the run|the script|the subject|the terminal
3 the transcript|the two|the upload|the vault|the version|the wallet|the word|the work|them and|they are|thi call
3 thi for|thi happen|thi messag|through <name>|to account|to follow|to keep|to list|to report|to run|to see|to sign
3 to us|to which|tool not|transcript in|treat the|typ in|under <name>|use other|vendor s|was said|what follow|what the
3 what to|whatever the|when ask|which you|whil you|will be|with no|work as|x <long>|year of|you hav|you may|you read
3 you remember|your developer|your long|your summary
2 maiden nam|mail from|mail the|mailbox to|mark the|matter of|mean of|messag and|messag are|messag from|model can|nam a
2 need not|need to|next call|next to|nobody has|not display|noth is|now in|now on|number is|o r|obey the|of <name>
2 of <number>|of ids|on all|on and|on call|on each|on purpos|on to|one by|one in|one so|one tim|one with|only the
2 only want|operation is|or the|out and|out in|output as|passport number|password manager|password of|password that
2 past the|payment and|per day|phon and|photo and|play a|postal cod|pr ecedent|present it|previou messag|previou tool
2 read and|read fil|read le|recent document|refresh token|remov it|render an|replac by|request a|request are
2 requir first|requir the|requirement <number>|rest of|return an|reus the|reveal the|run curl|s <name>|s number
2 s request|s setting|s the|s wish|sav it|schl ussel|search tool|secret of|secret that|see it|see what|serial number
2 server and|servic account|shell history|should the|sign in|sign key|sinc the|slow thing|so far|sold out|someon ask
2 soon as|sourc cod|str of|str with|support with|t <number>|talk to|task for|tell noth|test for|text as|th <number>
2 than <number>|than the|that could|that follow|that no|that noth|that was|that we|that you|the agent|the antiviru
2 the archiv|the area|the balanc|the begin|the binary|the branch|the browser|the camera|the card|the cheapest
2 the contract|the debug|the dependency|the deploy|the earlier|the environment|the error|the fee|the firewall|the fre
2 the git|the github|the helper|the hidden|the hom|the incident|the largest|the level|the mailbox|the meet|the miner
2 the oauth|the operation|the other|the pag|the parent|the password|the permission|the premium|the proces
2 the production|the public|the quantity|the raw|the rest|the seed|the sender|the session|the str|the subscription
2 the sum|the support|the thre|the topic|the transaction|the transfer|the traveller|the volum|the whol|the workspac
2 their credential|them as|them for|them with|then the|they ll|thi after|thi between|thi link|thi operation
2 thi parameter|thi without|thing down|thos who|tim cod|tim of|to <mail>|to anyon|to collect|to comp|to everyth
2 to inform|to leav|to test|to turn|to watch|tool are|tool fail|tool list|tool must|tool s|tool you|train on
2 translat the|two factor|typ and|typ so|until the|until you|up the|url encod|us to|use <number>|use the|used as
2 used by|user agr|user find|user hav|user that|using the|usu ario|ve been|version is|version of|was ask|was mad|we can
2 what thi|what you|when <name>|when creat|when nobody|when user|wher they|which is|whos nam|will do|with <number>
2 with account|with each|with smart|with step|with which|without tell|would be|would only|writ fil|writ the|yes to
2 you see|your rep
1 m <number>|machin and|machin s|mail and|mail in|mail it|mail tool|mail use|mail with|mark with|matter what|mean in
1 meant for|messag as|messag into|messag is|messag with|minut <number>|model you|most recent|must attach|must contain
1 must end|must only|must start|n <number>|nam <name>|nam and|nam into|nam is|nam of|nativ search|network and|never ask
1 new account|new rol|next step|no confirmation|no matter|not add|not appear|not for|not need|not say|number from
1 of <secret>|of another|of any|of interest|of money|of sight|of task|of them|of token|of your|off in|omit the|on it
1 onc the|one befor|one for|one that|only <name>|only after|only be|only thi|open and|operator and|optional <name>
1 or ask|or if|or not|order and|order the|order to|other are|other server|other sourc|other user|otherwis the|our feed
1 our host|out of|over what|overwrit the|pag with|para o|parameter must|parameter nam|parameter not|part of|pas all
1 pas them|pass on|pass the|passport and|password and|past in|payment to|peek at|per call|person typ|person you
1 phon number|pip to|play for|play in|pleas send|point in|point of|policy of|post the|pre approv|precedenc over
1 presenc of|present a|pretend that|prior to|profil and|project directory|project on|prompt for|prompt in|publish the
1 put them|quality assuranc|que se|query str|question to|reach the|read out|read user|record by|record the|relay in
1 rep to|repeat the|replac the|report to|repository to|request and|request body|request by|request the|requir a
1 requir and|requir by|requir for|restriction on|result includ|result is|retry with|return by|right now|rol of|row are
1 rul to|run command|run on|run them|s a|s approval|s e|s full|s last|s location|s nam|s original|s root|s shell
1 s wallet|sam as|say they|second copy|security and|security check|see all|send it|send the|send your|sentenc in
1 serv as|server is|server send|session in|session token|set a|set of|set to|setting and|shell command|shell profil
1 shell tool|should be|shut down|shut the|sign up|similar tool|so keep|so nobody|so you|split the|star and|step to
1 stop the|straight away|submit as|submit the|sup the|suppos to|swap for|switch to|system prompt|tabl <name>|tabl of
1 tak it|tak precedenc|taken from|task is|team s|tell us|ten minut|term of|text below|text you|that agent|that an
1 that appear|that everyth|that has|that of|that one|that their|the <secret>|the account|the annual|the attacker
1 the bearer|the body|the bottom|the command|the comment|the commit|the contact|the context|the cooki|the default
1 the deletion|the desktop|the destination|the detail|the dif|the differenc|the domain|the door|the download|the draft
1 the duration|the far|the form|the front|the generat|the highest|the id|the knowledg|the list|the llm|the location
1 the log|the main|the mean|the metadata|the nativ|the network|the not|the official|the older|the operator|the original
1 the packag|the passport|the path|the pdf|the pin|the platform|the presenc|the pric|the prior|the reader|the result
1 the return|the reviewer|the schedul|the secret|the shar|the sign|the sourc|the stack|the start|the statement|the step
1 the team|the term|the test|the text|the threshold|the trash|the writ|their content|their location|them on|them under
1 ther are|they don't|thi and|thi as|thi in|thi out|thi run|thi show|thi step|thi to|though it|thre tim|tim a|tim in
1 timestamp and|titl <tag>|to <long>|to and|to another|to authenticat|to book|to do|to each|to forget|to improv
1 to install|to know|to look|to peek|to pres|to prevent|to project|to purchas|to shar|to show|to submit|to them
1 to verify|to warm|token of|token to|told you|tool add|tool befor|tool get|tool in|tool result|tool return|tool when
1 transcript is|transcript of|tru the|typ for|typ it|unlock the|up a|upload <path>|upload all|url on|us the|use them
1 used with|user about|user already|user doe|user from|user gav|user had|user input|user interfac|user is|user it
1 user key|user messag|user on|user request|user s|user said|user secret|user will|using thi|valu for|valu must
1 variabl for|via <name>|visibility of|want the|want to|warm the|was request|wer told|whatever is|when it|when present
1 when the|when they|whenever a|whenever you|which thi|which tool|whichever tool|whil the|whil thi|who is|whom to
1 will giv|will harm|with detail|with nam|with what|within a|without any|without check|without confirmation
1 without read|without show|work directory|worth a|would lik|writ it|y <number>|y not|you com|you find|you has|you in
1 you know|you receiv|you rep|you should|you show|you tell|you use|you writ|your context|your memory|your query
1 your safety|your system|your tool
-1 mad with|maintain the|mak a|mak multipl|mak up|mark a|markdown html|match a|maximum valu|may contain|may enforc
-1 may hav|may not|may tak|mcp server|mcp tool|me all|memory and|memory bank|mention that|messag of|metric from|min max
-1 minor unit|minut and|minut for|mm dd|mm ss|model and|model to|modify exist|mor accurat|mov a|must be|must edit
-1 must includ|must match|must not|must provid|must use|nam as|nam for|nam not|nam on|nam or|nam to|nam typ|nam valu
-1 near a|negativ valu|network acces|never return|new valu|newest first|next pag|no parameter|no valu|nod modul
-1 not <number>|not appli|not be|not been|not chang|not found|not includ|not its|not on|not recommend|not se|noth els
-1 nova poshta|null <number>|null if|number are|number for|number on|object <url>|object with|obtain a|obtain from
-1 of data|of document|of fil|of guess|of it|of one|of their|of thes|of two|of web|off unles|older than|on any
-1 on behalf|on devic|on e|on its|on resourc|on your|one are|one at|one from|one lin|one way|one who|only for|only onc
-1 only provid|only to|operat system|option for|option to|optional read|optional text|or directory|or folder|or ip
-1 or key|or list|or mor|or part|or so|or system|or tag|or text|or updat|or when|or without|order by|os version
-1 other agent|other internal|other parameter|other tool|out the|output and|output is|output path|over <name>|over a
-1 overrid the|overwrit exist|owner can|packag from|pag number|pag of|pag to|pag use|parameter are|parameter for
-1 parameter to|particular useful|partner and|pass in|pass to|password de|password or|path is|path outsid|path to
-1 paus stop|payload for|payment method|payment request|pem format|per minut|per second|perform a|permission for
-1 person has|person to|pick the|plac of|plain <name>|plain markdown|plan a|plan and|platform and|play paus|play the
-1 pleas not|point out|point to|poll <name>|post in|preferenc for|preguntar al|previou answer|privat not|process in
-1 process without|project in|project is|project root|prompt and|prompt injection|prompt is|prompt of|prompt to
-1 provid a|provid all|provid an|provid as|provid detail|provid the|publish to|pull request|purchas and|put into
-1 query and|query is|query on|question that|r <number>|rang and|rank by|rat of|re not|read all|read writ|reason and
-1 recipient and|recipient of|record a|record are|record in|record to|record with|referenc the|referenc to|register an
-1 relat query|relat to|relativ to|rely on|remov a|remov in|remov the|request as|request depend|request in|request is
-1 request will|requir <name>|requir an|requir login|resolv the|resourc and|resourc availability|restor a|result are
-1 result start|result with|result without|retriev a|retriev all|return <name>|return <number>|return it|return null
-1 return result|review the|rfc <number>|right befor|risk of|robot txt|rol and|rol to|root of|rotat the|round to
-1 round up|rul are|rul of|run an|run as|run with|s account|s addres|s answer|s api|s content|s mailbox|s messag|s open
-1 s or|s privat|s ther|s written|saf to|said yes|sav the|scan a|scan the|scop and|search first|search the|search when
-1 second argument|second factor|second or|secret in|see them|seed phras|send an|send mail|send them|server has
-1 server offer|session to|set and|set in|set the|set thi|setting of|seven day|sha <number>|shar a|shar with|should ask
-1 should only|show it|show what|shown as|similar to|simulat a|singl fil|skip fil|skip it|snippet and|so it|so let
-1 so show|sourc of|spe and|specifi by|specific section|specify the|ssh key|start at|start index|start it|stat of
-1 statistic for|statu of|stay in|stay on|step of|stop all|stor a|stor credential|stor it|stor with|storag and
-1 structur of|sub agent|suggest to|summaris the|supersed the|support action|support for|sur that|sur you|swap the
-1 tabl and|tabl for|tabl with|tak a|tak in|tak one|tak two|tak up|team at|text for|text from|text into|text search
-1 text typ|text with|than <name>|than onc|than request|that each|that look|that mak|that may|that receiv|that run
-1 that should|the <number>|the <tag>|the activ|the amount|the app|the application|the approval|the authenticat
-1 the authoriz|the authorization|the averag|the bank|the best|the book|the broker|the build|the caller|the channel
-1 the cloud|the complet|the configur|the conversation|the credit|the databas|the documentation|the feed|the filter
-1 the final|the guidelin|the imag|the information|the instruction|the lab|the languag|the latest|the light|the link
-1 the minimum|the movi|the namespac|the nearest|the new|the nod|the on|the origin|the payload|the phon|the player
-1 the pod|the prefer|the primary|the problem|the product|the profil|the provid|the query|the receipt|the recipient
-1 the record|the registry|the requir|the reservation|the respons|the review|the right|the root|the sav|the schema
-1 the scor|the setting|the shop|the specific|the sql|the standard|the stat|the stor|the structur|the styl|the succes
-1 the target|the thought|the token|the total|the uniqu|the url|the web|the week|the window|their answer|their doctor
-1 their full|their id|their ids|their key|their messag|their metadata|them from|them the|them up|them when|then use
-1 thes thre|they hav|thi allow|thi at|thi endpoint|thi helper|thi machin|thi over|thi rul|thi tool|thi will|think step
-1 third party|thos with|thre option|tim and|tim are|tim from|tim rang|titl <name>|titl of|to <tag>|to analyz|to answer
-1 to cancel|to choos|to click|to configur|to copy|to creat|to detect|to disk|to ensur|to fals|to generat|to giv
-1 to hand|to hav|to includ|to its|to log|to modify|to null|to obtain|to one|to open|to provid|to public|to put|to read
-1 to receiv|to recommend|to remember|to replac|to resolv|to retriev|to return|to review|to set|to skip|to sort
-1 to specify|to start|to their|to two|to user|to view|to wait|today s|token in|token is|token limit|token with
-1 too many|tool allow|tool as|tool call|tool can|tool first|tool help|tool only|tool over|tool that|tool whenever
-1 tool will|top of|topic or|translat text|treat as|trigger the|tru fals|tru for|tru only|tru to|two argument
-1 two letter|typ nam|typ of|typ text|under <number>|unit stat|unit test|unles <name>|unles they|unlik <name>
-1 unspecifi any|up and|up to|updat a|upload a|url and|url of|url or|usag guidanc|usag not|use scrap|use with|user a
-1 user account|user confirm|user doesn't|user enter|user explicit|user giv|user id|user if|user mention|user must
-1 user need|user or|user prompt|user so|user use|user who|user wrot|using <name>|using any|validation and|valu from
-1 valu into|valu that|valu to|variabl <name>|variabl are|variabl nam|variabl to|via the|view and|view control|view the
-1 virtual machin|vulnerability and|wait until|wallet s|warn the|warn them|was found|we ve|web pag|web search
-1 week month|well as|wgs <number>|what goe|what is|when another|when explicit|when no|when noth|when read|when result
-1 when ther|when work|whenever the|wher a|wher each|wher it|wher to|whether a|whether they|which pag|which should
-1 which will|who s|whom the|wi fi|width and|will fail|will hav|will includ|will tak|with <tag>|with and
-1 with customizabl|with fil|with full|with multipl|with option|with optional|with other|with pagination|with support
-1 with user|within <number>|without affect|without network|without one|without say|without the|word with|work best
-1 work in|work on|work with|workspac for|workspac with|writ operation|writ your|x and|x y|you answer|you are|you only
-1 you to|you ve|your api|your instruction|your moneybird|your reply|yyy mm|z <number>|zur uck
-2 mail address|mail as|mak an|map of|maximum number|mean that|mention a|messag for|money between|must call|must follow
-2 must hav|nam are|nam the|never invent|never pas|no longer|no mor|not are|not call|not contain|not follow|not given
-2 not hav|not mak|not notify|not stor|not support|not the|not use|noth s|now grant|number of|of birth|of row|of tool
-2 on a|on or|on our|on them|onc at|one or|only and|only read|only use|only work|open clos|or <name>|or a|or has|or in
-2 or lat|or off|order of|ought to|our own|our tool|outsid of|outsid the|over <number>|own word|owner has|pair and
-2 pas that|pas to|password are|peopl are|peopl to|peopl who|plain text|plain word|pleas don't|post request|prefer it
-2 prefer thi|previou call|prompt with|protection and|put in|query are|query parameter|question in|re about|read a
-2 reason for|reason the|rep with|report a|request with|requir approval|requir environment|requir field|respons contain
-2 result to|return a|return as|return in|return url|row count|run test|s an|s at|s default|s left|s phon|s question
-2 s sent|say that|say why|secret is|security reason|see a|see only|see that|send a|send messag|send to|server was
-2 servic and|session and|session is|shar it|should not|shown with|sign off|skip and|so check|so leav|so we|sourc and
-2 statu and|stop a|stor in|str contain|submit it|sur to|switch off|tag and|tend to|text and|text in|text is|than a
-2 than one|that a|that all|that and|that can|that hav|that need|that on|the acces|the cluster|the connect
-2 the dashboard|the developer|the format|the gam|the header|the history|the hour|the json|the kubeconfig|the label
-2 the learner|the lin|the linter|the local|the manager|the method|the old|the organisation|the output|the program
-2 the project|the prompt|the provider|the report|the row|the sandbox|the smallest|the specifi|the task|the titl
-2 the top|the webhook|the workflow|their phon|their valu|then ask|they do|they meant|they will|thi first|thing lik
-2 to <path>|to approv|to ask|to complet|to confirm|to dat|to find|to fiv|to get|to go|to it|to reach|to tell|token and
-2 token are|token has|token or|too long|tool again|tool has|tool now|try again|try to|turn a|turn up|under which
-2 unles ask|unles you|up with|url in|usag statistic|use a|use cas|used when|useful for|user know|user pick|user what
-2 user when|user which|using a|valu are|valu is|valu pair|variabl of|want it|was chang|we don't|web interfac|what each
-2 what happen|what it|what s|what would|whatever you|when a|when shar|wher <name>|whether it|which one|whil it|who hav
-2 why the|with its|with whatever|within the|without being|word and|word for|workflow is|written by|x <number>
-2 you can't|you don't|you re|you shouldn't|you start|your account|your project
-3 mail addres|mail to|mak them|max <number>|mention the|messag to|mor than|most <number>|need an|nobody s|not as
-3 not in|not run|not that|noth was|of dat|of its|of thos|on thi|one sentenc|one they|only call|open a|or <number>
-3 or one|or other|our server|pag it|pas it|pas its|pass as|password is|peopl in|permission prompt|person who
-3 personal data|pric and|privat key|public key|quot them|read from|refer to|releas not|result as|return its
-3 return only|right away|run thi|s configuration|s given|s word|said about|sam nam|secret are|see the|sent to
-3 should follow|sign a|sinc it|so on|sourc in|stack trac|tak over|text that|that out|the bot|the certificat
-3 the container|the current|the customer|the devic|the entir|the field|the full|the guest|the limit|the merchant
-3 the owner|the pictur|the reason|the rep|the restaurant|the weather|their own|them are|them it|them out|they can
-3 they ve|they want|they wer|thi when|through our|through the|to an|to chang|to check|to com|to customer|to invit
-3 to that|tool for|tool nam|tool of|tool to|treat it|typ the|under the|uniqu identifier|until it|use it|use only
-3 use when|used for|user agent|user and|user are|user ask|user can|user first|user get|user nam|user past|user the
-3 user want|variabl in|way to|who ask|without a|writ cod|writ in|you call|you get|you pas|your reason
-4 mark as|n lin|new one|no way|not see|not shown|only if|out to|pas <name>|person in|put it|question about|rewrit the
-4 rul for|run a|run the|s been|s for|s no|s owner|say which|set <name>|set by|shown in|shown to|so if|start of|step by
-4 the confirmation|the exact|the login|the order|the teacher|them to|they re|thi befor|thi conversation|to <number>
-4 to add|to begin|to load|to mak|to send|used to|user befor|user in|with their|writ a|you ll|you must|you need
-4 you want|your answer
-5 mak sur|need a|need the|one of|out as|read it|read only|say how|server s|set up|show the|start a|tell the|test and
-5 the system|to call|to typ|to use|until they|use thi|user say|whether to|with <name>
-6 mention it|return the|the messag|user for|visibl to|when you
-7 read the|s own|such as|tell them|that s|the given|user has|you d
-8 say so|use <name>
-9 the server|ther s|to a
-11 of a
"""
