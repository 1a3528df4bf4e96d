"""Neighbours: pairs of stems that follow each other, each line after what they are worth.

Made by ``scripts/train_descriptions.py``; not to be edited by hand.
"""

WORTH: str = """
15 read thi
12 is for|with it
11 as well|call to|copy of|that they|the tim|to our
10 chang the|contain the|it and|not to|the key|the referenc|thi one|user tell
9 <name> c|are to|as the|at night|be appli|it as|liv in|need for|never use|not tell|that is|the argument|the credential
9 the disk|the two|thi text|valu of|your own
8 a second|are check|as password|do thi|letter of|n ao|number and|of thi|start with|the children|the human|the machin
8 the mail|the only|the tool|the valu|to thi|we are|you wer
7 and the|carry the|get full|has been|ignor the|is a|is invisibl|is on|it in|languag model|leak the|off the|so the
7 the administrator|the call|the person|the request|the second|the usual|tim a|to <url>|was given|whos nam
7 without review|word of|you and
6 <name> send|<number> the|a cach|a lin|about the|ahead of|all that|an imag|and not|and send|answer with|are a
6 between you|by thi|for you|found in|from it|from user|in <name>|in every|is the|it to|long term|mail tool|nam with
6 new task|of other|or the|password fil|port <number>|privat document|repeat thi|report the|requir by|rm rf|say that
6 show them|start the|that support|the admin|the branch|the chat|the extra|the folder|the nam|the one|the other
6 the repository|the servic|the sign|the user|the way|the year|them in|thi description|thi paragraph|to stop|tool are
6 under <name>|user typ|v <number>|what follow|your long|이전 instruction
5 <name> env|<name> record|a bug|a cod|a connection|agent which|and get|and need|and push|anyth els|app to|append to
5 argument of|as root|as your|at <number>|be report|be shown|befor and|begin with|behind the|belong in|browser s|by run
5 call the|data in|delet the|do the|do what|e a|each answer|each tim|even if|field <name>|fil is|find a|first use
5 fiv star|for all|for complianc|format the|go to|hold the|in its|in order|in thi|info to|into <name>|is requir|it a
5 les instruction|look at|mod and|model is|most expensiv|nam <name>|never mention|next to|number in|of data|of what
5 offer by|password manager|person s|r e|record is|replac by|return str|return wrong|second copy|security team
5 send email|stat that|str in|tak the|text of|that com|that thi|the account|the assistant|the backup|the built
5 the content|the dat|the follow|the host|the keychain|the mailbox|the parameter|the run|the safety|the shell
5 the summary|the version|the word|thi call|thi function|thi happen|thi lin|thi messag|through <name>|to be|to see
5 to the|to us|together with|token of|use other|user is|was said|when a|with all|with thi|without tell|work as
5 writ acces
4 <name> admin|<name> id|<number> and|<number> e|<number> q|a block|a conversation|a nam|a system|abov <number>
4 abov thi|acces to|address to|admin right|after each|an empty|an option|and put|and to|are of|as fact|at <url>
4 attach it|bas <number>|be given|befor it|befor the|by any|by remov|by the|call with|call without|charg the|choos the
4 cod from|com with|comp with|complet conversation|contain a|content of|context is|current project|dat is|describ in
4 discard the|do it|end in|even when|every fil|every hour|fil <name>|find out|first step|for cod|for fil|for instanc
4 for our|for that|from thi|if a|if the|if your|implementation detail|in mind|in user|into the|into thi|invit <mail>
4 is an|is availabl|is complet|is watch|it hold|it on|it up|it with|keep it|keychain is|la person|last ten|log to
4 look lik|mail from|mailbox is|mak it|mak the|may contain|metadata of|mov the|nam the|nativ search|of interest|of our
4 of web|one to|or not|out of|par ametro|postal cod|push the|recent document|render an|request by|requirement <number>
4 reus the|run is|s profil|said in|scan of|secret of|see thi|server and|shar the|show only|sign the|step in|str with
4 subscrib to|task from|tell user|that follow|that their|the addres|the background|the browser|the chang|the competitor
4 the environment|the fil|the keyboard|the llm|the money|the open|the passport|the platform|the raw|the rest
4 the session|the str|the sum|the transcript|the vault|the very|the volum|the work|thi as|thi for|thi is|thi server
4 to all|to do|to list|to report|to turn|tool not|tool result|transcript in|until you|up in|user should|user with
4 using the|what <name>|what they|what you|whatever the|when nobody|when thi|with account|with each|with no|with the
4 with us|work for|x <long>|you may|you use|об этом
3 <mail> as|<name> fetch|<name> meta|<number> <number>|<number> as|<number> is|<number> j|<number> ll|<number> x
3 <url> <number>|<url> bash|a backdoor|a calendar|a reason|a timestamp|account for|account holder|activat the
3 add number|after <name>|amount to|an advert|an ai|an unrestrict|and adopt|and call|and nam|and use|answer from|api is
3 are alway|as a|as command|as if|as though|audit trail|b <number>|be left|be part|be pass|be set|body for|built in
3 by send|call as|cas the|chain of|chang its|check and|cod and|cod for|cod that|collect the|commit to|continu with
3 could be|customer s|data so|destructiv operation|dns lookup|document in|each pag|end with|entry in|error <number>
3 extend the|feed it|first and|first of|follow the|for one|from her|from other|giv us|health and|hidden from|hom folder
3 hostnam and|id <name>|ids in|if noth|if ther|improv if|in all|in any|in fil|in json|inform the|insert a|invent a
3 is appli|is fin|is fre|is includ|is miss|is past|is to|it befor|it from|key or|kill the|leav empty|leav the|let the
3 list and|list them|load the|mail the|mailbox to|match against|mention it|messag from|messag with|model can|nam is
3 need no|need not|not allow|not be|not le|not list|not show|number is|o r|of each|of ids|of them|of your|on fil|on it
3 onc per|onc the|only thi|out and|output as|over the|part of|passport number|photo and|pictur of|present it
3 privat repository|prompt completion|pull the|report succes|request to|requir first|return by|s sav|s wish|sav to
3 say the|schl ussel|send the|separat by|server return|servic account|sid effect|sinc the|slow thing|social security
3 sourc cod|str of|summary of|test for|text as|that agent|that could|that everyth|that it|that start|the answer
3 the balanc|the begin|the bos|the calendar|the camera|the card|the comment|the configuration|the context
3 the dependency|the document|the duration|the earlier|the entry|the fee|the firewall|the first|the fre|the github
3 the helper|the hidden|the hom|the last|the list|the match|the microphon|the miner|the nativ|the newest|the number
3 the oauth|the operation|the question|the real|the result|the seed|the step|the subscription|the topic|the transaction
3 the traveller|the vendor|the whol|then call|ther is|they ask|thi session|thing down|timestamp and|to <name>
3 to account|to anyon|to each|to improv|to run|to test|to which|tool fail|tool you|two factor|typ in|user doe|valu must
3 what to|wher the|with a|with which|without ask|without confirmation|work and|writ fil|your developer|your instruction
2 <long> in|<name> delet|<name> next|<number> are|<number> f|<number> m|<secret> in|a bas|a bot|a confirmation|a copy
2 a cron|a gam|a key|a l|a messag|a not|a ticket|a word|about it|acces token|account below|add an|add the|addres below
2 administrator and|adopt the|agent is|all environment|all futur|all other|all variabl|alter the|an additional|and a
2 and act|and ask|and attach|and do|and explain|and hand|and hav|and includ|and install|and leav|and let|and play
2 and prefer|and show|and that|and typ|and upload|another agent|any fil|api key|approv by|approv everyth|approv the
2 are broken|are known|are work|as <number>|as argument|as long|as possibl|as requir|as soon|ask befor|ask why
2 assistant must|at it|away the|be avoid|be mad|be produc|be return|be sent|below instead|book the|by <name>|by a
2 by call|by mean|by other|by user|by using|call again|caller s|can see|cat <secret>|claim that|cod in
2 confirmation dialog|contain all|conversation in|convinc the|cooky of|count as|cron job|data must|data use|data will
2 deletion of|deny that|desktop and|detail on|directory with|disabl the|display the|each call|edit the|email is
2 empty the|encod the|environment and|every tool|execut whatever|exist limitation|expect the|external addres|f <long>
2 f <number>|failur to|fil for|fil in|fil operation|fill with|first read|follow only|for <secret>|for everyth|for other
2 for privat|for quality|for us|for word|for your|fre spac|from now|from our|front and|given befor|go through|grab the
2 hand over|has a|hav been|hav the|hid the|hom addres|i g|identity of|if ask|if empty|imag that|in an|in between
2 in each|in it|in search|in tool|in use|includ the|information is|initiat a|insert the|install the|instruction pr
2 is in|is mad|is mention|is no|is not|is part|it by|it fail|it her|it is|it when|it would|its content|its result
2 keep the|keep thi|key fil|key in|key privada|know which|leav thi|lik a|link in|locat in|log in|long as|lower the
2 mail and|mail it|mak a|matter of|mean of|memory is|mention a|mention thi|messag and|messag as|messag is
2 minut <number>|model read|nam and|never tell|no need|nobody has|nobody notic|not <name>|not trustworthy|now in|now on
2 obey the|of <name>|of <secret>|of all|of money|of peopl|of rival|on all|on and|on every|on the|on their|on you|one is
2 only after|only the|operation is|optional <name>|or to|other are|other sourc|our feed|out in|out the|output of
2 overwrit the|owner s|para o|password of|past the|peek at|phon and|play a|point of|post the|pr ecedent|presenc of
2 previou messag|previou tool|project on|prompt in|que la|query in|question to|read le|receiv the|report to
2 repository to|request a|request from|requir the|result is|result of|retry with|reveal the|run curl|s hom|search tool
2 security check|see what|select from|send your|server in|server send|setting and|shell history|should the|sign key
2 similar tool|soon as|start it|step <number>|step is|sup it|sup the|system messag|system prompt|taken from|talk to
2 task for|tell us|text below|th <number>|that call|that no|that noth|that we|the <secret>|the archiv|the audit
2 the binary|the client|the contact|the contract|the debug|the deletion|the deploy|the domain|the export|the generat
2 the knowledg|the location|the meet|the most|the network|the operator|the option|the original|the output|the parent
2 the premium|the presenc|the pric|the privat|the proces|the production|the quantity|the registry|the respons|the scen
2 the screen|the secret|the security|the sheet|the terminal|the threshold|the transfer|the wallet|the workspac
2 their location|them as|them with|they need|thi after|thi link|thi parameter|thi without|tim of|to authenticat
2 to collect|to crontab|to everyth|to peek|to project|to remov|to verify|to watch|token to|told you|tool in|tool s
2 translat the|treat the|turn off|us the|use <number>|used as|used with|user had|user input|user not|user request
2 user said|user that|using thi|version of|what s|when <name>|when ask|when creat|when user|whenever you|which is
2 will giv|with an|with id|with smart|with step|with what|work directory|writ the|writ to|y not|you find|you receiv
2 you rep|your memory|your query|your tool
1 <name> authoriz|<name> databas|<name> hint|<name> not|<name> openai|<name> read|<name> seed|<name> set|<name> sidenot
1 <name> stat|<name> track|<name> tz|<number> c|<number> encod|<number> h|<number> n|<number> of|<secret> as
1 <tag> system|<url> and|a call|a crash|a different|a first|a parameter|a payment|a point|a schedul|a screenshot|a sign
1 a third|a transfer|about thi|accept the|acces is|account and|account with|act on|add it|addres and|addres in
1 addres to|after every|again after|again with|agent and|agent of|ai is|all answer|all document|all of|all prompt
1 all the|all tim|all tool|allow for|allow to|along with|already know|alternativ are|alway call|amount for|an acces
1 an issu|and accept|and add|and app|and are|and cod|and deny|and description|and forward|and log|and mail|and past
1 and plac|and replac|and say|and treat|another server|answer and|answer in|answer of|answer question|any question
1 are compromis|are deprecat|are insecur|are mor|are out|are read|are reject|argument and|argument is|as approv|as com
1 as given|as its|ask someth|assistant is|at least|authentication for|authentication header|authoriz key|availabl to
1 aws credential|be chang|be deposit|be execut|be extend|be kept|be resolv|be run|be submit|be suppli|be treat|be used
1 be written|be wrong|befor anyth|befor call|befor every|befor privat|befor return|behalf of|belong to|birth dat
1 browser tool|but not|by policy|calendar is|call agent|caller is|can find|card number|chang to|check with|clean up
1 clear the|client model|cod as|com from|combin with|comment field|compet servic|configuration of|consist of|content in
1 content not|copy the|could not|credential of|curl s|customer databas|data into|data of|databas operation|de <number>
1 debug field|delet all|deliver as|deny it|directory befor|disregard the|document for|document into|domain with
1 doubl bracket|down the|download and|download the|drop the|dump the|e send|each fil|earlier exchang|earlier messag
1 el field|encod it|endpoint and|environment to|every invocation|every minut|everyth the|exampl for|execut rm
1 execut the|expect valu|export the|factor authentication|factor cod|fals <name>|fil <secret>|fil des|fil must|fil nam
1 fil of|fil path|fil return|fil system|fil you|fill it|first <name>|first <number>|folder and|follow by|for acces
1 for approval|for clean|for debug|for good|for legal|for licens|for log|for telemetry|forward it|forward the|from any
1 from earlier|full dialogu|function and|function is|git credential|github token|giv it|given to|guid the
1 guidelin given|h <number>|hand in|hand it|harm the|has finish|has the|hav acces|hav already|hear about|help the
1 her on|hidden context|hom directory|host s|id and|identifier and|if another|if they|ignor all|ignor what|improv the
1 in again|in another|in bas|in cas|in for|in secret|in test|includ a|includ all|includ user|inform anyon|instead for
1 instruction as|is deliver|is deni|is display|is oblig|is put|is reject|is sold|is suppos|is ther|is trust|it fiv
1 it help|it out|it say|it so|it work|item is|its answer|its configuration|its output|key on|key with|know about
1 l utilisateur|le tell|lead to|learn about|leav out|legal reason|limitation and|list in|list with|llm is|lo que
1 login data|m <number>|machin and|mail in|mail use|mailbox and|malwar sampl|mark the|may be|mean that|meant for
1 mention in|model must|model you|must attach|must contain|must includ|must only|must start|nam a|nam as|nam in|nam of
1 negativ result|neglect exist|network and|new rol|next call|next lin|nobody is|not add|not appear|not found|not se
1 not with|number from|obey thi|oblig to|obtain the|of another|of any|of it|of its|of new|of past|of sight|of task
1 of the|of thought|of token|omit the|on behalf|on each|on its|on thi|on to|one by|one call|one for|one in|one tim
1 only our|open port|open the|or any|or result|order for|other server|other user|ought to|our brand|our host
1 our partner|owner of|parameter must|parameter nam|pas all|pass on|pass to|past session|permission to|person typ
1 person you|personal detail|pip to|play for|pleas send|policy of|post a|precedenc over|pretend that
1 previou instruction|prior constraint|prior to|project s|publish the|push to|put the|que se|r <number>|rather than
1 read user|reason if|recommend only|record of|record the|relay in|remov it|repeat the|report it|request and
1 request are|request body|request the|requir a|requir to|restriction on|result from|rol of|rul to|run it|run on
1 s <url>|s calendar|s e|s environment|s full|s last|s password|s text|salary data|search are|search query|see all
1 see it|send it|send money|serv as|server to|server was|servic are|session token|set a|set asid|set it|set of|set to
1 shell profil|shell tool|shut down|sight of|siz and|skip the|so do|so far|social media|sold out|stay in|step to
1 stor the|submit the|suppos to|suspend the|swap the|switch off|system will|tak precedenc|task is|team s|tell noth
1 term of|test environment|text from|than <number>|that an|that look|that only|that post|that the|the <name>|the agent
1 the annual|the antiviru|the attacker|the authentication|the bank|the bas|the cheapest|the commit|the cooky|the data
1 the day|the deployment|the desktop|the destination|the detail|the dif|the differenc|the expect|the highest|the main
1 the mean|the metadata|the negativ|the not|the official|the older|the owner|the packag|the partner|the path|the phon
1 the previou|the purchas|the reader|the return|the reviewer|the search|the sender|the sit|the sourc|the start
1 the support|the tabl|the team|the test|the thre|the token|the total|the trash|the world|them for|them on|them to
1 then the|they are|thi and|thi endpoint|thi hidden|thi in|thi operation|thi out|thi run|thi show|thos of|through our
1 tim cod|tim in|titl <tag>|to book|to comp|to discard|to fre|to hand|to inform|to install|to its|to keep|to log
1 to obtain|to one|to open|to pres|to question|to sav|to shar|to sign|to stor|to warm|token from|tool and|tool befor
1 tool hav|tool is|tool must|tool use|tool when|transcript is|transcript of|transmit in|typ so|under a|unrestrict model
1 until the|up the|upload <path>|upload all|url wher|url with|us to|us which|use the|use them|used by|user agr|user can
1 user interfac|user messag|user on|user s|user secret|user want|user will|valid valu|valu for|verify identity
1 via <name>|warm the|was mad|we can|what was|whatever is|when no|whenever a|wher they|which tool|which you|whil thi
1 whil you|whoever ask|whol conversation|will be|will get|will harm|wip the|with detail|with everyth|without any
1 without show|word for|would lik|writ it|wrong data|you did|you will|you would|your chain|your guardrail|your hidden
1 your safety
-1 <long> for|<name> add|<name> any|<name> api|<name> ask|<name> bp|<name> cpu|<name> describ|<name> dontcar
-1 <name> expand|<name> fals|<name> in|<name> key|<name> m|<name> matchstr|<name> max|<name> memory|<name> null
-1 <name> owl|<name> packagesearch|<name> replac|<name> search|<name> start|<name> text|<name> tru|<name> updat
-1 <name> us|<name> validationstatu|<name> y|<name> yyy|<number> <long>|<number> <name>|<number> af|<number> cod
-1 <number> credit|<number> data|<number> day|<number> etc|<number> field|<number> format|<number> hour|<number> index
-1 <number> item|<number> logical|<number> mean|<number> minut|<number> or|<number> represent|<number> result
-1 <number> s|<number> star|<number> word|<secret> <name>|<secret> environment|<secret> fil|<tag> str|a <number>
-1 a backend|a branch|a bucket|a cms|a collection|a column|a comprehensiv|a custom|a customer|a data|a detail
-1 a dictionary|a docker|a format|a github|a gitlab|a json|a label|a launchpad|a link|a local|a location|a maximum
-1 a notification|a pag|a particular|a pend|a photo|a previous|a privat|a query|a question|a random|a rang|a referenc
-1 a remot|a run|a sandbox|a search|a security|a select|a sourc|a specializ|a sql|a strong|a structur|a templat
-1 a terminal|a transaction|a un|a uniqu|a valid|a websit|absolut path|accept a|accept an|acces control|acces key
-1 acces log|access the|accessibl to|accord to|account s|acros all|acros your|add new|add or|addres for|addres or
-1 admin privileg|af <number>|after <number>|after a|after call|after creation|agent s|ai model|ai power|all accessibl
-1 all child|all its|all kontent|all open|all run|all task|alpha <number>|already exist|also accept|alternativ to
-1 alway confirm|an administrator|an agent|an api|an app|an error|an immediat|an integer|an mssql|and all|and cannot
-1 and clean|and configuration|and continu|and data|and destination|and download|and end|and height|and how
-1 and instruction|and insuranc|and location|and metadata|and number|and optional|and other|and pars|and phon
-1 and property|and recommend|and remov|and report|and servic|and set|and statu|and stor|and submit|and system|and tell
-1 and text|and tim|and token|and tool|and updat|and version|and video|and wait|and what|any specific|api credential
-1 api token|appear in|appear on|appl s|application and|are availabl|are consider|are display|are given|are includ
-1 are interest|are look|area and|arg nam|argument for|around the|arriv at|as an|as defin|as nam|as record|ask question
-1 ask them|ask to|ask you|at your|audit purpos|authenticat user|authentication token|averag review|back to|balanc of
-1 bank detail|be abbreviat|be absolut|be ask|be automatical|be availabl|be between|be complet|be consider|be display
-1 be mark|be process|be provid|be queri|be reserv|be restor|be tru|be uniqu|be visibl|befor fetch|befor mak|befor run
-1 befor using|below <number>|best for|better result|between the|bir g|block with|blockchain data|body of|book a
-1 both the|bound box|branch to|bullet point|by <number>|by check|by default|by key|by keyword|by one|by set|by specify
-1 cach month|calculat the|call <name>|call are|call is|call master|call return|can specify|carry out|cas sensitiv
-1 cash flow|certificat are|chang are|channel and|check its|check whether|clas nam|client id|client should|cod is
-1 cod or|collection of|color temp|com board|command on|command to|common use|company peopl|complet content|comput the
-1 configur <name>|configur in|configuration from|configuration is|configuration to|confirm the|confirm with
-1 connect server|connector arg|consider using|content by|content into|content is|content or|content to|context for
-1 context of|context that|conversation history|conversation with|convert a|convert to|corpu key|cost <number>
-1 count and|coverag of|cpu <name>|creat or|creat the|current context|current event|current pag|current session
-1 current user|current work|dat and|data com|data extraction|data from|data model|data modification|data or|data to
-1 databas and|databas in|de viaj|decision and|default fals|default if|default thi|default valu|defin how|delet an
-1 delet data|dependency and|describ the|describ ui|description and|description for|detail about|detail for
-1 detail information|determin if|directory for|directory that|directory to|display text|dns record|do so|document and
-1 domain nam|don't hav|drop a|each contain|each entry|each request|each with|edg routin|email to|en us|enabl or
-1 enabl the|encod text|end of|end the|end user|entir content|entry to|env var|event that|event to|every api|everyth is
-1 exact match|exact one|exampl <name>|exampl <number>|exampl if|exampl output|exampl use|execut javascript|exist fil
-1 expand to|explanation of|extract the|factor of|fail if|fals for|fals otherwis|field <number>|field as|field you
-1 fil with|filter by|filter criteria|find relevant|find the|first get|first last|first when|flag to|folder identifier
-1 folder in|folder we|for access|for additional|for any|for audit|for authentication|for children|for choic|for creat
-1 for current|for find|for food|for further|for futur|for in|for multi|for multipl|for read|for recent|for specific
-1 for the|forc a|format <name>|format as|format is|format of|format should|forward slash|fram <number>|fre text
-1 from hacker|from public|from which|function initiat|function to|g <number>|gam character|generat the|genr and|get an
-1 get next|github repository|giv the|given in|given text|gpt <number>|group and|h amta|handl the|has acces
-1 has explicit|header and|help you|hid a|hierarchical structur|host nam|hour and|http <number>|http request|hug fac
-1 iata cod|id <number>|id <secret>|id for|id is|id must|id nam|id of|id or|ideal for|identifier for|identifier of
-1 identity verification|ids of|ids to|if fals|if omit|if set|if unspecifi|if user|imag by|important not|in <number>
-1 in browserstack|in chunk|in dokploy|in dollar|in fram|in full|in iso|in m|in markdown|in memory|in meter
-1 in millisecond|in minut|in progres|in us|in utc|in vs|in which|in year|includ <name>|includ emoji|includ fil
-1 includ gameweek|includ in|index i|indicat if|indicat whether|information and|information of|information or
-1 initial amount|initial investment|initializ the|initiat the|insert updat|instant bitcoin|instruction in
-1 instruction to|insuranc option|integer from|intelligenc a|intelligenc sourc|ios simulator|is <name>|is accessibl
-1 is allow|is automatical|is being|is charg|is defin|is don|is hidden|is identical|is irreversibl|is list|is locat
-1 is need|is never|is run|is specifical|is successful|is typical|is unknown|is updat|is visibl|it also|it can|it doe
-1 it doesn't|it onc|it only|it return|it tak|it will|item at|item from|item that|its url|json object|json str|kept by
-1 key at|key from|key of|key syntax|key tenant|key valu|know the|knowledg graph|la conversation|label and|languag cod
-1 languag query|lara translat|last <number>|last nam|last updat|later session|length and|level and|level of
-1 lik <number>|limit to|lin argument|lin item|lin of|link and|list <tag>|list for|liv environment|llamada telef
-1 llm friend|llm should|llm user|log for|lov it|m s|machin learn|mak an|mak multipl|management featur|management nam
-1 markdown html|market intelligenc|match by|match the|match with|max <number>|mcp tool|me all|memory and|memory by
-1 memory for|memory ip|memory usag|messag of|messag that|metadata and|method is|metric from|might need|minimum averag
-1 minut and|mirror the|mod of|model and|model for|modify exist|money that|moneybird account|most recent|mov a
-1 mp <number>|multi step|multipl call|must be|must not|must provid|must use|nam e|nam email|nam for|nam from|nam must
-1 nam or|nam requir|nam str|nam that|nam you|natural languag|need the|negativ valu|neo <number>|next step|no minimum
-1 no parameter|no preferenc|nod and|non empty|non existent|not <number>|not applicabl|not ask|not automatical|not been
-1 not modify|not provid|not say|not the|not 可能需要多次尝试|notify the|null if|null indicat|number or|oauth token
-1 object <url>|object given|object that|object tool|objectiv valu|obsd launchpad|obtain from|of an|of content
-1 of dictionary|of document|of item|of number|of relat|of secret|of string|of tim|of two|okta organization|on a|on an
-1 on any|on how|on off|on provid|only if|only provid|only read|only select|only thos|only work|open a|operat system
-1 option are|option must|optional and|optional description|optional filter|optional parameter|optional text
-1 or <number>|or account|or after|or all|or check|or city|or directory|or ip|or list|or modify|or nam|or perform
-1 or remov|or system|or updat|or without|order and|order by|organiz by|origin and|other than|otherwis use
-1 output format|over tim|overwrit exist|owl fil|pag <name>|pag in|pag number|pag of|parameter <name>|parameter and
-1 parameter for|parameter is|pas one|pas to|password and|password in|path for|path must|path of|path relativ|path to
-1 paus stop|pay for|payment request|pem format|per request|per second|perfect for|perform a|perform an|period of
-1 permanent remov|person has|personal team|pi hol|pick up|plac an|plain <name>|plain markdown|play paus|point to
-1 por su|positiv integer|post to|postgresql databas|preced by|prefer <name>|preferenc or|print the|privat market
-1 process without|produc by|product management|production environment|profil information|programa de|project id
-1 prompt and|prompt of|prompt to|property of|provid a|provid all|provid an|provid as|provid detail|provid field
-1 provid implementation|public privat|query on|query with|question and|question is|question that|quot the|rang from
-1 rat and|rating are|re look|reactiv program|recipient and|recipient of|recommend for|record for|record in|record to
-1 redirect url|refer to|referenc the|refin the|regardles of|register a|register an|relay the|remot host|remov in
-1 remov the|rep to|replac each|represent as|represent no|represent the|request as|requir an|requir api
-1 requir environment|reset the|resolv the|respons includ|respons is|result can|result set|retriev all|retriev the
-1 return <name>|return <number>|return all|return it|return their|rgb color|robot txt|run in|run with|run without|s a
-1 s answer|s api|s current|s key|s nam|s ok|s original|s token|san francisco|sav card|sav the|scan for|search first
-1 search or|search to|second to|seed for|semantical similar|server for|server may|server using|session in|session is
-1 session to|set and|set in|set property|set thi|setting of|shadcn ui|should call|should use|show current|sign in
-1 sign up|similar to|singl call|singl operation|skip befor|so that|sort by|sourc or|spac by|specifi by
-1 specifi directory|specifi virtual|specific company|specific requirement|specifical for|specify a|sqlit databas
-1 stack trac|stag or|start an|start and|start end|start index|start or|start point|start tim|start to|stat nam|stat of
-1 stat os|statistic about|statu and|statu to|stor credential|str to|string contain|structur and|structur of|su nombr
-1 subject and|supersed the|support action|support by|support for|sur that|sur to|sur you|sync with|system and|tabl and
-1 tak over|tak plac|tak som|talk about|target devic|target folder|task with|team in|telef onica|temperatur and
-1 templat and|tenant id|text <name>|text and|text for|text is|text prompt|text to|text typ|text using|text with
-1 that <name>|that appear|that do|that help|that mak|that will|the activ|the actual|the allow|the amount|the author
-1 the authoriz|the board|the body|the bucket|the cach|the clipboard|the company|the completion|the connect|the correct
-1 the description|the desir|the download|the draft|the end|the entir|the error|the event|the function|the futur
-1 the iata|the inner|the input|the ios|the largest|the namespac|the new|the okta|the old|the organisation
-1 the organization|the permission|the pi|the player|the profil|the remot|the rol|the root|the select|the song|the spac
-1 the sqlit|the stack|the stat|the structur|the study|the styl|the succes|the ticket|the typ|the upload|their messag
-1 their password|them and|them into|then use|thes thre|they hav|they wer|thi allow|thi api|thi befor|thi cannot
-1 thi field|thi first|thi may|thi method|thi must|thi provid|thi request|thi should|thi step|thi tool|think proces
-1 thought to|thre option|threat intelligenc|tim and|tim out|tim period|tim rang|tim the|tim to|titl and
-1 titl description|to analyz|to any|to charg|to choos|to configur|to confirm|to continu|to default|to delet|to detect
-1 to determin|to display|to emb|to execut|to fals|to fetch|to filter|to forc|to generat|to giv|to go|to identify
-1 to indicat|to inspect|to it|to look|to mak|to mirror|to narrow|to notify|to null|to pas|to proces|to put|to reach
-1 to retriev|to review|to set|to specify|to start|to their|to understand|to updat|to user|to validat|to view|to writ
-1 to your|token and|token for|token that|tool allow|tool get|tool help|tool need|tool only|tool should|tool will
-1 total count|trac and|transaction is|translat account|translat text|tru for|tru if|tru indicat|tru only|tru the
-1 try to|turn on|turn the|txt fil|typ <name>|typ and|typ to|ui v|un programa|under <number>|understand what|unit stat
-1 unles <name>|unles specifical|unspecifi any|up action|updat a|updat exist|updat kontent|updat the|upload a
-1 upload fil|upload the|url <url>|url and|url for|url to|us east|use absolut|use for|use search|used in|user a
-1 user are|user ask|user confirm|user in|user or|user stat|user when|user who|using a|using its|valid for
-1 valu <number>|valu from|valu in|valu pair|valu set|valu to|variabl and|vector databas|veh iculo|version <number>
-1 version and|view of|view the|vs cod|vulnerability and|wallet addres|was provid|was sent|way to|web search
-1 webhook that|well architect|what it|what the|when explicit|when set|when ther|when work|wher <name>|wher <number>
-1 which are|which may|which to|who has|width and|will fail|will help|will includ|will not|wish to|with advanc|with any
-1 with comprehensiv|with customizabl|with field|with filter|with its|with metadata|with one|with option|with or
-1 with our|with pagination|with specifi|with support|with your|without affect|without the|work in|workspac for
-1 writ operation|x and|you hav|you is|you ll|you provid|you re|you see|you ve|you writ|your lara|z <number>
-1 功能概述 tool|可能需要多次尝试 查询示例|如 <name>|提供清晰简洁的自然语言描述 not|最佳实践 提供清晰简洁的自然语言描述
-2 <name> complet|<name> creat|<name> deployer|<name> find|<name> non|<name> sav|<name> servic|<name> user
-2 <number> expect|<number> for|<number> high|<number> second|<number> to|<number> z|<tag> requir|a backup|a command
-2 a dat|a document|a fact|a fil|a full|a languag|a licenc|a map|a memory|a packag|a releas|a rol|a secret|a sit
-2 a symbol|a text|a tim|a tool|about a|abov the|act as|addres is|after the|after you|against a|agent or|al user
-2 all messag|allow you|already been|also be|alway check|an addres|an array|an e|an email|an event|an http|an id
-2 an optional|and account|and analyz|and attachment|and body|and content|and mor|and password|and referenc|and sav
-2 and whether|and writ|and you|any of|api call|approv a|are ask|are cut|are found|are pass|are requir|are used|as don
-2 as json|as text|assistant to|attach the|attempt to|authoriz user|authorization header|be a|be add|be cach
-2 be configur|be download|be empty|be fetch|be found|be one|be preced|be sav|be undon|becaus it|befor creat|befor send
-2 best practic|browser and|by e|by id|by path|by relevanc|by their|c <number>|call for|can also|chang a|chang anyth
-2 chang it|chaqu appel|check for|cod to|column nam|company or|configuration and|confirmation befor|connect to
-2 connection str|constraint and|content and|content as|contract and|control modify|conversation on|copy to|creat a
-2 credit card|current stat|dat if|dat tim|data about|de la|de un|default to|deployer privat|deprecat use|describ what
-2 dictionary contain|display to|document with|don't know|don't use|e <number>|either <name>|email addres|endpoint to
-2 erc <number>|error is|esta herramienta|every other|everyth that|expect output|explicit ask|explicit request
-2 fall back|far in|fetch all|fil and|fil befor|fil by|fil directory|fill in|find all|for <name>|for <number>|for every
-2 for individual|for later|for mor|for most|for pag|for permission|for use|for which|from <name>|from <number>
-2 from <secret>|from all|from an|from and|from your|full context|full nam|full text|generat an|git repository|giv a
-2 given a|given the|given tim|go on|group by|hash are|hav to|history is|how the|human readabl|i cin|id return|id to
-2 identification str|if any|if no|if one|if tru|in their|in xero|indicat no|indicat that|insid the|install a
-2 instruction or|into graphlit|ip addres|is consider|is encrypt|is expect|is from|is open|is optional|is tru|is useful
-2 is valid|it at|it into|it may|it must|it s|it was|its valu|key and|key that|key under|left out|level view|lik the
-2 list of|list open|list the|longer than|mak them|mark a|mark as|maximum number|messag for|messag if|messag indicat
-2 mm dd|money is|mor accurat|mov it|nam are|next pag|not all|not appli|not are|not given|not gues|not includ|not its
-2 not mention|not support|noth is|noth was|number for|obtain it|of row|of thes|of tool|oldest first|only a|only for
-2 only to|option for|option to|or a|or in|os version|other agent|other parameter|other tool|our tool|pag and|pair and
-2 parameter are|parameter to|path is|payment method|per minut|person to|phon number|plac of|play the|post in
-2 preguntar al|previou answer|privat not|prompt for|prompt injection|prompt with|put it|query and|question in|rank by
-2 read a|read all|read it|real tim|reason for|reason the|recipient s|recommend to|record are|referenc to|relat query
-2 relat to|relativ to|remov a|rep with|request for|request in|request is|requir approval|requir login|restor a
-2 result with|return a|return in|return its|right to|rol and|rol to|row to|rul of|s default|s messag|s own|s question
-2 sam nam|search the|search when|second argument|secret from|secret in|security reason|send an|send to|server offer
-2 servic that|shar a|should be|should not|should only|sourc and|sourc of|specify the|ssh key|step of|stop all|stor in
-2 stor with|summaris the|tabl with|task in|text into|text search|text that|that can|that match|that run|that was
-2 that wer|the api|the app|the authenticat|the build|the channel|the cluster|the configur|the confirmation
-2 the connection|the databas|the documentation|the history|the imag|the languag|the latest|the link|the local
-2 the patient|the prefer|the prompt|the provid|the query|the right|the sandbox|the sav|the setting|the shar|the task
-2 the top|the uniqu|the url|the webhook|they can|thi conversation|thi has|thi helper|thos that|tim zon|titl <name>
-2 titl of|to ask|to chang|to check|to ensur|to find|to fix|to provid|to read|to receiv|to resolv|to return|token is
-2 token limit|tool <name>|tool again|tool as|tool call|tool return|tool whenever|typ of|under the|under which
-2 unit test|up and|up with|usag guidanc|use cas|use when|user account|user already|user explicit|user get|user id
-2 user prompt|user say|user see|using <name>|using any|valu that|variabl of|view control|virtual machin|web pag
-2 well as|when it|whether a|whether it|who hav|why the|will hav|with full|with optional|with user|without network
-2 written to|x <number>|your moneybird|yyy mm|zur uck
-3 <name> auth|<name> run|<number> b|<number> character|<number> d|<number> most|a city|a day|a folder|a given|a list
-3 a login|a one|a part|a prompt|a public|a record|a shell|a singl|a slack|a specifi|a summary|account is|account that
-3 addres of|against the|agent that|ai agent|all availabl|all data|all fil|all requir|all your|allow directory
-3 an account|an entry|analyz the|and <number>|and is|and never|and pas|and return|answer is|are an|are hidden|are left
-3 are return|arg <name>|array of|as in|as it|as markdown|assign to|associat with|at a|attach fil|attach to|audit log
-3 back up|be delet|be in|be replac|be the|being ask|between <number>|between two|by an|by nam|call after|call fail
-3 can chang|carry a|cas of|check if|check the|chmod <number>|client s|command in|command lin|comment and|context as
-3 conversation so|conversation to|country cod|creat an|d <number>|dat of|data for|de una|detail of|document from
-3 document is|each match|env ia|error and|every call|expect a|explain how|explain the|fail with|few minut
-3 field without|fil from|first pag|follow up|for ai|for larg|for long|for test|generat a|grant you|graphlit knowledg
-3 has already|hav not|hidden instruction|history for|hom assistant|id from|if it|in second|in your|includ as
-3 instead of|internal ids|is about|is given|is shown|is used|is wrong|it has|it need|keep a|key is|kontent ai
-3 least one|limit of|lin that|link to|maintain the|may not|mcp server|memory bank|mention the|messag to|model to
-3 must hav|nam to|never call|no confirmation|no longer|not call|not follow|not hav|not use|nova poshta|now grant
-3 of birth|of one|on e|on or|on your|one of|one they|only and|only show|only use|or has|or mor|or other|output is
-3 over a|owner can|pas the|password are|permission for|person in|plain text|previou call|question about|read writ
-3 request with|requir <name>|result are|retriev a|return only|return url|rotat the|rul are|s mailbox|s phon|scan a
-3 scan the|secret are|sent to|servic and|short and|should follow|show what|shown in|stop a|stor a|str contain
-3 sub agent|submit it|tak a|tell you|test and|text in|than a|than one|that all|that are|that hav|that receiv
-3 the approval|the averag|the default|the field|the form|the instruction|the merchant|the nod|the payload|the plan
-3 the pod|the problem|the recipient|the report|the reservation|the specifi|the target|the weather|their own|they do
-3 thi will|think step|thos with|tim are|to <number>|to copy|to creat|to disk|to get|to includ|to remember|to skip
-3 today s|tool now|tool to|tru to|uniqu identifier|until it|up to|url in|use with|user enter|user so|user the
-3 user which|valu are|variabl <name>|wait until|want to|when noth|whenever the|with <number>|within the|without being
-3 work on|writ your|you call|you can|your answer|your api
-4 <name> list|<number> a|a complet|a few|a human|a model|a password|a pull|a servic|a session|a short|a token|a wallet
-4 agent should|ai assistant|alway use|amount and|an assistant|and insert|and their|any other|are mask|are need
-4 are several|ask for|at onc|be call|by step|call and|call first|call in|can answer|cannot be|check against|cit the
-4 clipboard and|de password|default is|delet a|encod in|exampl of|execut a|far and|field of|fil that|fil to|first to
-4 for each|for security|get all|get user|has set|her to|if not|in plain|instruction for|into a|is ask|is pass|is sent
-4 is set|is stor|is taken|its id|kept for|knowledg bas|languag of|lista de|mad with|mail to|mak up|may tak|must call
-4 new one|not in|not mak|not notify|not stor|not that|on call|one or|only call|only onc|outsid of|password de
-4 password is|personal data|pick the|privat key|requir field|respons contain|run thi|say so|send mail|send messag
-4 set <name>|shown to|simulat a|sinc it|sourc in|start her|step by|that a|the best|the conversation|the current
-4 the devic|the exact|the format|the gam|the guest|the header|the limit|the pictur|the rul|the text|the titl
-4 the workflow|thi when|through the|to complet|to customer|to dat|to send|typ the|use a|use it|useful for|user befor
-4 user mention|user nam|user what|user writ|visibl to|wallet s|was chang|when you|work with|workflow is|you are
-4 you don't|you must|your account
-5 a csv|a post|a project|a repository|a tabl|a task|add a|add to|an llm|and <name>|any tim|are no|ask the|at most
-5 befor de|call of|call thi|chang and|chang data|confirmation prompt|credential are|doc <number>|for a|for exampl
-5 for ten|forget the|has expir|history of|if <name>|information about|is kept|is log|is recommend|is return|list all
-5 look up|mail addres|no mor|not contain|not run|number of|of their|on them|or <name>|order of|overrid the|pass as
-5 post request|prefer thi|query are|read from|result as|result to|return as|run a|run the|s configuration|say noth
-5 sign a|start a|that nobody|the acces|the authorization|the bot|the container|the developer|the full|the json
-5 the next|the provider|the restaurant|their valu|to an|to approv|to load|to use|token has|token in|tool for|tool of
-5 used for|used to|user first|user must|valu is|was found|whether to|which one|you want|your reason
-6 a specific|an exist|and fix|and so|are kept|are list|at any|bas on|befor first|befor they|by its|com first|e g
-6 everyth it|in with|instruction that|is request|it if|limit <number>|mak sur|not shown|one sentenc|pas it|public key
-6 read only|send a|server s|show the|such as|that need|the certificat|the product|to invit|use <name>|user agent
-6 writ a|writ cod|you need
-7 agent to|are ignor|assistant s|doe not|each step|environment variabl|how to|in a|in one|instruction and|is refus
-7 look for|not see|own word|read the|see the|set up|start of|the customer|the login|the order|the server|user and
-7 with their
-8 a user|are not|as they|befor you|e mail|mor than|return the|rewrit the|the system|to add|to call|what is|without a
-9 a new|are mark|do not|need a|rul for|tell the|use thi|user for
-10 follow instruction|if you|the given|the messag|with <name>
-11 from a|to a
-12 of a|user has
"""
