"""Neighbours: pairs of stems that follow each other, each line after what they are worth.

Made by ``scripts/train_descriptions.py``; not to be edited by hand.
"""

WORTH: str = """
12 the user
11 copy of
10 call to|chang the|not tell|read thi|thi one|user tell
9 at night|so the|the session|thi text|to our
8 contain the|the administrator|the credential|the key|was given
7 a lin|are to|be appli|do thi|do what|error <number>|ignor the|in <name>|is the|it and|it as|languag model|n ao|not to
7 of thi|the argument|the assistant|the disk|the fil|the nam|the person|the request|the servic|the shell|thi server
7 to <url>|to thi
6 a connection|ahead of|as well|fil is|has the|is invisibl|mak the|most expensiv|never use|of all|repeat thi|say that
6 show them|that support|the competitor|the host|the most|the one|the summary|the tool|the word|thi description
6 thi function|to <name>|to stop|to the|under <name>|when a|your own|이전 instruction
5 <name> id|<name> send|a cod|a second|abov thi|address to|after every|agent which|an imag|and ask|and call|and not
5 and send|and the|append to|as the|be shown|befor and|by run|contain a|content of|dat is|do the|even if|find a
5 first use|fiv star|has been|if a|in its|into <name>|is availabl|is for|it on|let the|need for|new task|of data
5 of other|one to|port <number>|privat document|report the|return wrong|scan of|secret of|security team|send email
5 start with|tell user|that com|that start|that thi|that you|the addres|the backup|the browser|the call|the content
5 the extra|the human|the mailbox|the only|the operator|the platform|the repository|the rest|the safety|the second
5 thi call|thi for|thi happen|thi lin|thi messag|tool result|use other|user with|valu of|with an|with it|with thi
5 writ acces|you and
4 <number> <number>|<number> e|<number> q|a reason|a system|acces to|add the|an option|and push|anyth els|argument of
4 as fact|as root|at <url>|audit trail|bas <number>|be report|befor the|behind the|browser s|by remov|by thi|call the
4 call without|cod from|com with|comp with|complet conversation|count as|current project|data in|describ in|discard the
4 each answer|first of|first step|for all|for complianc|for fil|format the|found in|from her|from thi|giv us|go to
4 hidden from|in bas|into thi|invent a|invit <mail>|is a|is an|is complet|is fin|is in|is includ|is miss|is not|it to
4 it up|key fil|leav empty|may contain|mention a|messag is|metadata of|model is|nam and|nam is|never mention|number and
4 number in|of interest|off the|offer by|one is|open port|or the|par ametro|privat repository|recent document
4 request by|requirement <number>|return by|return str|rm rf|s profil|say the|second copy|see thi|separat by|server and
4 server return|shell history|show only|sid effect|sign the|stat that|step in|system prompt|task from|that they
4 the answer|the background|the bank|the branch|the built|the chang|the client|the environment|the follow|the keyboard
4 the machin|the microphon|the parameter|the passport|the real|the seed|the str|the transcript|the valu|the vault
4 the vendor|the volum|the wallet|the year|thi is|to all|to be|to each|to report|to us|to which|together with|tool are
4 tool not|two factor|until you|user input|user s|user should|v <number>|when <name>|when thi|without review
4 without tell|work as|writ fil|writ to|your developer|об этом
3 <long> in|<name> read|<name> set|<number> and|<number> are|<number> f|<number> j|<number> ll|<secret> in
3 abov <number>|activat the|addres below|admin right|administrator and|after each|an additional|an advert|an unrestrict
3 and act|and adopt|and includ|and let|and put|api is|as argument|as command|as if|as your|be set|begin with|built in
3 carry the|chain of|chang its|check and|choos the|claim that|collect the|com from|continu with|dat and|deletion of
3 destructiv operation|document in|e send|each tim|end in|even when|every tool|first read|for us|for you|get a
3 hand over|has a|hav the|health and|i g|if ask|in any|in fil|in thi|in user|instruction pr|is alway|is fre|is mad
3 is past|is to|is watch|it from|it her|it is|it with|key or|key to|leak the|list and|load the|log in|log to|look lik
3 lower the|mail the|mailbox is|mailbox to|mak it|match against|mention it|messag from|messag with|nam a|nativ search
3 not allow|not le|number is|o r|of <secret>|of rival|of them|onc the|one in|only after|only the|or not|other are
3 out of|output as|over the|part of|password fil|password manager|pr ecedent|prompt completion|push the|receiv the
3 remov it|render an|replac by|request to|requir first|s wish|sav to|send the|servic account|shar the|sinc the|so that
3 start the|step <number>|str in|str of|str with|talk to|text as|text of|text that|that follow|that no|the <secret>
3 the balanc|the chat|the comment|the context|the dat|the dependency|the duration|the earlier|the firewall|the hidden
3 the list|the llm|the mail|the miner|the new|the oauth|the open|the operation|the parent|the privat|the production
3 the raw|the two|the version|them in|they ask|thi link|thi parameter|to everyth|to improv|to run|to see|to turn
3 to verify|tool in|tool you|try again|up in|use the|user said|valu must|version of|when ask|when nobody|with account
3 with each|with id|with the|without confirmation|work for|writ the|y not|you may|you use|your instruction
2 <mail> as|<name> delet|<name> fetch|<name> get|<name> meta|<name> next|<number> as|<number> c|<number> not
2 <number> of|<number> x|<url> <number>|<url> bash|a backdoor|a block|a bug|a confirmation|a crash|a cron|a l|a ticket
2 a word|about it|account for|addres in|adopt the|after <name>|all document|all environment|all futur|all of|all the
2 all tim|all variabl|allow for|alter the|amount to|and attach|and explain|and hav|and log|and play|and prefer
2 and replac|and show|and try|and use|another agent|answer with|app to|approv everyth|are known|are now|are out|are the
2 as <name>|as <number>|as an|as bas|as long|as soon|ask to|ask why|assistant must|at it|attach it|b <number>|be avoid
2 be pass|befor privat|belong in|birth dat|book the|by <name>|by other|by send|by using|call again|call with
2 cat <secret>|charg the|clean up|clear the|cod and|combin with|commit to|confirmation dialog|consist of|contain all
2 conversation in|cron job|data must|databas operation|deny that|der user|desktop and|directory with|disabl the
2 display the|dns lookup|download the|each call|each pag|edit the|els is|email is|empty the|en gb|encod the
2 environment and|every fil|execut rm|execut whatever|exist limitation|expect the|extend the|external addres|f <long>
2 failur to|fil <secret>|fil must|fil of|fil operation|fil you|fill with|find out|first and|follow only|for debug
2 for everyth|for our|fre spac|from now|get the|git credential|given to|hav acces|hav already|hav no|hear about
2 help the|hom addres|hom directory|hostnam and|how many|identity of|ids in|if empty|if noth|if the
2 implementation detail|in all|in every|in json|in search|includ the|inform anyon|information is|insert a|install the
2 is deliver|is no|is part|it a|it in|it onc|it out|its content|keep thi|key privada|kill the|know about|l utilisateur
2 leav out|leav the|lik a|link in|long as|long term|mention thi|messag as|minut <number>|model can|model read|model you
2 mov the|must contain|nam as|nam in|nam the|need not|new rol|no need|not <name>|not appear|not show|now in|now on
2 number from|obey the|of ids|of task|of thought|of token|older than|on and|on fil|on it|on the|on thi|on to|on you
2 only thi|operation is|optional <name>|optional but|or any|or to|other server|other sourc|otherwis the|out in|para o
2 pass the|photo and|pip to|point of|post the|present it|print the|project on|prompt in|read le|report succes
2 repository to|request a|requir a|requir for|requir the|result of|reus the|s full|s hom|s last|s root|schl ussel
2 search tool|security check|see what|server send|session cooki|set it|set to|setting and|sign key|similar tool
2 skip the|sold out|soon as|sourc cod|start it|stay in|stop the|submit the|sup it|system messag|task for|task is
2 tell noth|tell you|ten minut|th <number>|than <number>|that call|that it|that noth|the amount|the antiviru|the archiv
2 the attacker|the best|the binary|the commit|the configuration|the contact|the debug|the deletion|the destination
2 the domain|the download|the first|the fre|the generat|the github|the helper|the knowledg|the money|the monitor
2 the nativ|the newest|the official|the original|the other|the output|the premium|the presenc|the pric|the proces
2 the purchas|the quantity|the registry|the result|the right|the scen|the screen|the secret|the security|the sentenc
2 the start|the step|the test|the text|the transaction|the transfer|the way|the work|their messag|them to|them with
2 ther is|thi after|thi session|thi without|through thi|tim cod|tim in|to <mail>|to account|to authenticat|to collect
2 to comp|to crontab|to fre|to inform|to project|to remov|to test|to you|token of|told you|tool fail|tool is|tool when
2 treat the|turn off|typ so|up the|us the|us to|used by|user as|user can|user doe|user had|user not|using thi
2 valid valu|what the|what thi|whatever the|when creat|when no|when user|which tool|whil you|whoever ask|whos nam
2 with no|would be|you hav|you wer|your query|your tool
1 <name> authoriz|<name> context|<name> hint|<name> openai|<name> overrid|<name> record|<name> sav|<name> seed
1 <name> sidenot|<name> writ|<number> encod|<number> h|<number> m|<number> n|<number> y|<secret> as|<tag> system
1 a calendar|a command|a company|a copy|a different|a directory|a doctor|a draft|a fil|a first|a key|a messag|a not
1 a parameter|a payment|a screenshot|a third|a transfer|about someth|about thi|accept the|account below|act on|add them
1 addres and|addres to|again after|agent and|agent is|agent to|all answer|all other|all prompt|all tool|along with
1 already agr|already know|alternativ are|alway includ|amount for|an acces|an empty|an external|and accept|and any
1 and append|and chang|and cod|and deny|and description|and do|and follow|and forward|and get|and giv|and in|and keep
1 and leak|and leav|and mail|and must|and number|and plac|and relay|and return|and run|and should|and that|and typ
1 another server|answer and|answer from|answer to|any fil|any question|anyth that|approv by|approv the|are broken
1 are compromis|are deprecat|are forbidden|are insecur|are need|are set|are work|argument and|as approv|as com|as given
1 as its|as requir|ask befor|assistant is|authentication for|authentication header|authoriz key|authorization header
1 avoid use|aws credential|back to|backup relay|bank detail|be answer|be copi|be deposit|be execut|be kept|be resolv
1 be return|be run|be suppli|be treat|be used|be written|be wrong|becaus the|been replac|befor every|befor perform
1 befor return|begin of|behalf of|below instead|between the|bot is|bot ought|by a|by policy|by user|calendar to|call as
1 call it|caller is|can find|can see|card number|certificat s|check with|cod as|cod in|cod that|comment field
1 compet servic|configur for|configuration of|consider thi|container with|content in|curl s|current user|data will
1 de <number>|debug field|defin by|delet all|delet the|deny it|detail on|directiv found|directory to|disregard the
1 document for|document into|domain with|down the|download and|drop the|dump the|e <number>|earlier exchang|encod it
1 end with|enter the|environment to|every minut|every tim|exampl for|expect valu|f <number>|factor authentication
1 factor cod|fals <name>|field <name>|field are|field not|fil in|fil nam|fil path|fil return|fil that|follow the
1 for acces|for any|for cod|for good|for legal|for licens|for log|for other|for quality|for telemetry|for their
1 forward it|found insid|fre to|from another|from any|from earlier|from one|from other|from the|full dialogu|full nam
1 function and|github token|giv the|given befor|grab the|guid the|h <number>|hand the|harm the|has finish|hav been
1 header in|header without|hid the|hidden context|history conversation|hom folder|id in|if another|if ther|ignor all
1 ignor what|imag that|in <number>|in each|in order|in secret|in tool|in use|includ a|includ all|index to|inform the
1 initiat a|insert the|instruction as|into the|invok the|is <number>|is expect|is on|is provid|is sold|is trust
1 it again|it befor|it doe|it fail|it fiv|it help|item is|its answer|its initial|its output|keep the|key are|la key
1 last <number>|le tell|lead to|leav thi|legal reason|limitation and|list in|list with|login data|look at|m <number>
1 mail in|mail tool|mail use|malwar sampl|mark the|messag and|messag if|minut and|mod and|must start|nam that
1 neglect exist|network and|never tell|next call|next lin|next step|nobody is|nobody notic|not add|not ask|not be
1 not for|not found|not trustworthy|not with|obtain the|of <name>|of <number>|of another|of any|of new|of past|of sight
1 of what|omit the|on all|on behalf|on each|on every|on its|one call|one for|one tim|open the|or result|order the
1 other user|ought to|our host|output of|overwrit the|owner s|parameter must|pas all|password in|password under
1 past session|past the|path of|permission to|person s|person typ|person you|personal detail|play for|pleas send
1 point in|policy of|precedenc over|presenc of|pretend that|previou messag|pric of|prior constraint|prior to
1 project directory|project with|provid the|publish the|pull the|push to|que la|que se|query str|question to|r <number>
1 rat of|rather than|reach the|read user|receiv from|record of|record on|record with|refresh token|rep to|report it
1 report to|request body|request the|requir by|restriction of|restriction on|result and|result from|result in|result is
1 result will|reveal the|rol of|rul and|run it|s <url>|s a|s account|s calendar|s id|s key|s nam|s password|s token
1 scan for|search are|search query|search the|see all|see it|send mail|send money|serv as|server is|server must
1 server to|servic are|session token|set a|set the|shell tool|siz and|stor it|stor the|summary of|suspend the|swap the
1 switch off|switch to|system will|tak a|tak precedenc|tak the|taken from|talk about|tell us|text below|text is
1 than the|that an|that everyth|that look|that mention|that the|the account|the agent|the annual|the audit
1 the authentication|the begin|the calendar|the collector|the company|the complet|the connect|the contract|the cooki
1 the credit|the day|the deployment|the desktop|the directiv|the document|the entry|the expect|the folder|the highest
1 the hom|the id|the item|the last|the location|the maximum|the mean|the meet|the network|the number|the old|the option
1 the packag|the partner|the previou|the query|the restriction|the return|the reviewer|the search|the set|the setting
1 the sourc|the subscription|the support|the tabl|the threshold|the total|the trash|the updat|them as|them out
1 then call|ther s|they need|thi and|thi as|thi befor|thi operation|thi show|third party|through <name>|through our
1 tim a|to delet|to disabl|to discard|to get|to its|to keep|to log|to obtain|to one|to pres|to prevent|to question
1 to shar|to stor|to submit|to tru|to watch|token and|token to|token with|tool and|tool befor|tool has|tool hav
1 tool must|tool s|tool use|tool with|transcript is|transcript of|trustworthy use|typ by|under a|unlock the
1 unrestrict model|until the|up a|upload all|url with|use them|used as|used with|user interfac|user is|user key
1 user messag|user on|user request|user say|user secret|user that|user to|user typ|user will|vault and|vendor s
1 verify identity|via <name>|visibility of|want to|was mad|was request|what they|what you|whatever is|when they
1 whenever a|whenever an|whenever you|whether the|which is|which you|whil thi|whol conversation|will giv|will harm
1 with a|with detail|with everyth|with step|without any|without ask|work and|writ it|wrong data|y <number>|you call
1 you has|you receiv|you rep|you would|your chain|your hidden|your safety
-1 <long> for|<name> activ|<name> app|<name> ask|<name> auto|<name> cpu|<name> creat|<name> deployer|<name> describ
-1 <name> dontcar|<name> fals|<name> github|<name> githubsearchcod|<name> githubsearchrepository|<name> in
-1 <name> matchstr|<name> max|<name> memory|<name> owl|<name> packagesearch|<name> path|<name> project|<name> replac
-1 <name> start|<name> stat|<name> tru|<name> us|<name> validationstatu|<name> yyy|<number> <long>|<number> <name>
-1 <number> af|<number> b|<number> character|<number> cod|<number> data|<number> day|<number> etc|<number> expect
-1 <number> hour|<number> index|<number> item|<number> mean|<number> minut|<number> or|<number> represent
-1 <number> return|<number> star|<number> the|<number> word|<number> z|<secret> <name>|<secret> environment
-1 <tag> requir|<tag> str|a bank|a branch|a bucket|a certain|a circleci|a city|a cms|a collection|a comment|a content
-1 a conversation|a custom|a customer|a deployment|a descriptiv|a detail|a docker|a few|a format|a github|a gitlab
-1 a json|a languag|a list|a local|a log|a miro|a mongodb|a notification|a particular|a pend|a pre|a previous|a provid
-1 a random|a rang|a referenc|a remot|a rol|a sandbox|a secret|a security|a select|a server|a short|a specializ|a sql
-1 a terminal|a text|a tim|a transaction|a un|a uniqu|a websit|about the|absolut path|accept a|accept an|accept relativ
-1 acces is|acces log|acces token|access the|account id|account in|acros all|acros the|activ work|add new|add or|add to
-1 additional context|additional luggag|addres or|administrator right|af <number>|after <number>|after a|after call
-1 after creation|after the|agent s|agent with|ai content|ai model|align with|all accessibl|all child|all kontent
-1 all messag|all run|all task|allow directory|allow the|allow to|allow user|allow you|alpha <number>|already exist
-1 also accept|also call|alternativ to|alway return|an answer|an api|an app|an array|an error|an event|an initial
-1 an integer|an invitation|an llm|an object|an optional|an order|analyz the|and a|and an|and analyz|and body|and clean
-1 and configuration|and content|and continu|and dat|and data|and directory|and display|and domain|and how|and insuranc
-1 and its|and location|and memory|and metadata|and mor|and only|and optional|and phon|and priority|and recommend
-1 and releas|and remov|and retriev|and sav|and set|and siz|and tell|and tim|and token|and tool|and updat|and valu
-1 and video|and what|and will|answer in|any specific|api credential|api referenc|appear in|append the|approv a
-1 are allow|are an|are availabl|are display|are found|are look|are mask|are request|area and|arg nam|argument for
-1 as defin|as don|as json|as text|ask for|assignment and|at a|at most|at which|at your|attach the|attach to
-1 audit purpos|authenticat with|authoriz user|availabl in|balanc of|be a|be add|be ask|be automatical|be availabl
-1 be calculat|be configur|be consider|be display|be download|be empty|be fetch|be mad|be one|be perform|be process
-1 be reserv|be restor|be sav|be search|be visibl|been specifi|befor <name>|befor any|befor mak|befor run|befor search
-1 befor using|below <number>|below and|best for|best result|between different|bir g|block by|body of|book a|both the
-1 bound box|branch to|bullet point|by id|by key|by keyword|by one|by relevanc|by set|by specify|by their|c <number>
-1 cach memory|cach month|call befor|call return|can also|can be|can tak|carry out|cas insensitiv|cas of|cas sensitiv
-1 chang it|chang mad|check for|check the|check whether|city stat|client id|client s|client should|cod <name>|cod is
-1 cod sampl|collection of|column in|com first|command on|command to|company or|company peopl|complet content
-1 complex reason|confidenc scor|configur <name>|configuration for|configuration from|configuration to|confirm the
-1 confirm with|connect server|connect to|contact profil|container as|content or|content policy|context in|context is
-1 context of|context window|conversation history|conversation on|convert to|copy the|corpu key|cost <number>
-1 coverag of|cpu <name>|creat new|creat or|creat the|current activ|current context|current pag|current session
-1 current stat|data about|data model|data or|data sourc|data to|databas with|db <number>|de un|de viaj|default fals
-1 default okta|default valu|defin how|defin in|defin the|delet data|dependency and|deployer privat|deprecat use
-1 description of|desktop app|determin if|directory for|directory that|discover what|display in|display text|do so
-1 document and|document is|domain nam|don't hav|don't use|dontcar to|drop a|dur the|each contain|either <name>
-1 email and|empty if|end of|end the|end user|env var|environment allow|error occur|event that|event to|every api
-1 exact match|exact one|exampl <name>|exampl <number>|exampl if|exampl query|exampl use|execut javascript|exist fil
-1 explain how|explain why|explanation of|explicit ask|extract the|factor of|fail if|fall back|fals for|fals mean
-1 fals otherwis|fals to|far in|fetch all|field is|field to|field without|fil and|fil directory|fil for|fil should
-1 fil use|filter by|find the|first check|first get|flag to|folder in|for access|for additional|for audit|for best
-1 for children|for current|for find|for in|for individual|for long|for multi|for multipl|for new|for one|for query
-1 for recent|for referenc|for singl|for that|for when|forc a|format as|format of|format should|forward slash
-1 fram <number>|francisco ca|from <name>|from and|from hacker|from public|from url|from user|from your|full context
-1 full detail|function initiat|function to|fund between|g <number>|generat a|generat the|get an|get next|gite 仓库中的
-1 github repository|given an|given in|given key|given test|given text|given the|goe to|gpt <number>|guidanc on|h amta
-1 handl the|has explicit|has to|hav to|header and|hello world|help you|helper for|hid a|hierarchical structur
-1 high level|high quality|hold the|host agent|host nam|human readabl|i cin|id <secret>|id is|id must|id or|id that
-1 ideal for|identifier for|identifier of|identify the|identity verification|if error|if fals|if left|if no|if omit
-1 if set|if thi|in browserstack|in chunk|in degr|in dollar|in either|in fram|in freecad|in hom|in iso|in m|in meter
-1 in millisecond|in pem|in pixel|in the|in us|in usd|in utc|in which|in year|includ <name>|includ in|includ its
-1 indicat if|indicat no|indicat that|indicat whether|information and|information for|information from|information or
-1 initial amount|input option|insid a|insid the|instant bitcoin|instead of|instruction to|insuranc option
-1 intelligenc sourc|intend for|interaction with|into an|ios simulator|is <name>|is acceptabl|is accessibl|is already
-1 is call|is defin|is don|is empty|is forward|is from|is given|is locat|is need|is optional|is pass|is read|is reject
-1 is run|is saf|is successful|is taken|is tru|is updat|is visibl|iso <number>|it allow|it also|it cannot|it doesn't
-1 it for|it provid|it return|it s|it tak|it will|item or|its nam|its valu|json object|json str|keep it|kept for
-1 key must|key of|key syntax|keyword or|knowledg graph|languag query|lara translat|larg languag|last nam|later session
-1 latest stabl|latest version|learn material|les than|level of|lik <number>|lin item|lin to|list <tag>|list availabl
-1 list for|list the|lista de|llm should|llm user|log for|log of|longer need|m s|mad with|mak an|mak multipl|mak up
-1 management featur|mark a|mark as|markdown html|market intelligenc|match a|match by|max <number>|mcp tool|mean it
-1 mean no|memory and|memory for|memory ip|memory is|memory usag|messag in|messag indicat|messag of|metadata for
-1 metric from|might need|minut for|miro board|mirror the|mod of|model and|model for|model that|money is
-1 moneybird account|mor accurat|mor reliabl|most recent|mov an|mov it|must first|must follow|must match|must not
-1 must provid|must use|nam are|nam e|nam for|nam must|nam or|nam requir|nam to|nam you|narrow down|need the
-1 neo <number>|new content|new mtna|new one|next pag|no confirmation|no parameter|non empty|not <number>|not a|not all
-1 not applicabl|not automatical|not been|not in|not includ|not know|not modify|not provid|not recommend|not the
-1 notify the|null if|oauth token|object <url>|object contain|objectiv valu|obtain from|obtain it|of content
-1 of document|of its|of number|of one|of peopl|of relat|of secret|of text|of that|of thes|of tim|of two
-1 official client|ok efter|on a|on an|on how|on off|one was|only if|only need|only provid|only to|operat system
-1 option must|option to|optional filter|optional parameter|optional text|or <number>|or a|or account|or check
-1 or directory|or domain|or folder|or ip|or list|or location|or nam|or perform|or remov|or retriev|or sub|or system
-1 or updat|or when|order by|organization or|origin and|otherwis use|output format|output from|overwrit an|owl fil
-1 own by|packag in|pag in|pag number|pag of|paginat through|parameter <name>|parameter are|parameter for|parameter is
-1 parameter parameter|parameter that|participat in|pass to|password and|password of|path must|path relativ|paus stop
-1 payment method|pem format|per request|per second|perform a|perform an|person or|person to|personal data
-1 personal team|phon number|pi hol|pick up|play paus|plot of|point to|policy and|por su|positiv integer|post in
-1 pre built|preguntar al|pric display|privat market|problem solv|proc with|process without|production environment
-1 programa de|project id|project in|project is|project key|prompt for|prompt is|prompt to|prompt with
-1 provid additional|provid all|provid an|provid either|public clas|public id|public privat|put in|query in|query on
-1 query or|query parameter|question is|quot the|rang from|raspberrypi local|rat and|rat limit|rating are|re look
-1 re not|reactiv program|read <secret>|read a|real tim|reason for|reason or|recipient of|recipient s|recommend cach
-1 recommend for|recommend to|record are|record in|record the|record to|redirect url|referenc and|referenc the
-1 refin the|register a|relat query|relationship between|relay the|remot host|remov all|remov an|remov in|remov the
-1 remov unus|replac each|represent a|represent as|represent no|represent the|request in|request will|requir api
-1 requir environment|requir explicit|requir login|requirement document|reset the|resolv the|respons includ
-1 respons will|result includ|result with|retriev all|retriev the|return all|return an|return in|return it
-1 return result|revert to|rgb color|rol and|rol to|run in|run without|s <name>|s answer|s approval|s messag|s original
-1 s phon|s unclear|s wallet|san francisco|sav a|scor and|search first|search or|second <number>|second argument
-1 security reason|seed phras|sent in|server can|sery of|session and|session id|session in|session is|set in|set thi
-1 should call|should only|show current|similar to|singl call|skip befor|so you|sort by|sourc of|sourc or
-1 specifi directory|specifi virtual|specific board|specific requirement|specific section|specifical for|specify a
-1 ssh key|start a|start end|start index|start or|start point|start tim|start to|stat of|stat os|statu and|statu of
-1 statu to|step of|still be|stor credential|stor with|str the|structur and|styl <number>|su nombr|subject and
-1 supersed the|support for|sur that|sur you|sync with|system and|tabl and|tak plac|target devic|target folder
-1 task with|team in|tenant id|test target|text <name>|text and|text for|text typ|text with|that <name>|that a
-1 that align|that allow|that are|that can|that chang|that help|that mak|that match|that requir|that should|that will
-1 the activ|the api|the app|the artist|the availabl|the bucket|the build|the cach|the caller|the cod|the codebas
-1 the command|the completion|the configur|the conversation|the data|the databas|the desir|the directory|the draft
-1 the end|the entir|the error|the futur|the header|the imag|the inner|the input|the ios|the job|the json|the languag
-1 the largest|the lin|the local|the minimum|the movi|the namespac|the next|the nod|the organisation|the organization
-1 the pictur|the player|the prefer|the profil|the recipient|the remot|the respons|the rul|the sam|the sandbox
-1 the schema|the shar|the song|the stat|the statu|the subject|the succes|the team|the term|the thread|the ticket
-1 the titl|the topic|the typ|the uniqu|the url|the weather|ther are|thes are|thes thre|they do|they hav|they want
-1 thi allow|thi api|thi field|thi first|thi if|thi includ|thi may|thi method|thi must|thi project|thi request
-1 thi return|thi should|thi to|thos of|thre option|threat intelligenc|tim and|tim bas|tim out|tim period|tim the
-1 tim to|tim zon|titl and|titl description|titl of|to <number>|to acces|to analyz|to any|to charg|to check|to choos
-1 to confirm|to connect|to creat|to dat|to determin|to disk|to do|to encod|to ensur|to examin|to fals|to fetch
-1 to filter|to generat|to giv|to go|to indicat|to integrat|to it|to login|to mirror|to narrow|to proces|to read
-1 to receiv|to resolv|to resum|to retriev|to send|to set|to sort|to specify|to start|to tell|to their|to updat
-1 to validat|to view|token for|token is|token that|token validity|tool allow|tool as|tool can|tool get|tool instead
-1 tool need|tool only|tool that|transfer fund|transfer the|translat account|translat text|tru and|tru for|tru if
-1 tru mean|tru the|try to|turn the|two point|typ <name>|typ and|under the|understand what|unit stat|unles specifical
-1 unspecifi any|upload a|upload fil|upload the|uri to|url and|url or|url to|us east|usag guidanc|use absolut|use cas
-1 use search|user agr|user already|user are|user get|user id|user in|user or|user query|user review|user stat
-1 user usernam|user when|user who|usernam and|using <name>|using a|using the|uuid of|valid for|valu from|valu pair
-1 valu set|valu that|variabl for|variabl of|vault root|vector databas|veh iculo|verify that|version <number>
-1 version and|vulnerability and|wait for|wallet addres|was provid|way to|web pag|webhook that|websit to|what it
-1 what to|when complex|when it|when the|wher <name>|wher <number>|whether an|which mean|which to|who has|whoi contact
-1 whom the|will automatical|will fail|will hav|will help|will includ|will match|will not|wish to|with any
-1 with automatic|with comprehensiv|with filter|with full|with its|with other|with pagination|with support|with your
-1 within an|without affect|without first|workspac for|writ operation|x <number>|you can|you do|you is|you ll
-1 you should|you ve|you writ|your lara|your moneybird|your respons|z <number>|功能概述 tool|如 <name>
-2 <name> api|<name> auth|<name> non|<name> search|<name> servic|<number> a|<number> credit|<number> d|<number> for
-2 <number> high|<number> most|<number> to|a <number>|a backup|a dat|a document|a full|a label|a launchpad|a memory
-2 a model|a packag|a password|a prompt|a public|a pull|a query|a question|a run|a summary|a tool|a valu|a wallet
-2 about a|acces key|accord to|act as|after you|against a|against the|agent or|ai agent|al user|all data|all fil
-2 all requir|already been|alway call|alway check|amount of|an assistant|an e|an email|and attachment|and is
-2 and password|and report|and stor|and submit|and system|and wait|and writ|any of|api call|appear on|are includ
-2 are not|are used|as in|ask them|ask you|assign to|at the|audit log|authenticat user|back up|be between|be cach
-2 be delet|be provid|be replac|becaus it|befor creat|befor send|befor they|best practic|between <number>|between two
-2 browser and|by e|by nam|by path|calculat the|calendar is|call for|call is|can chang|chang a|chang anyth|chang are
-2 check against|check if|chmod <number>|cod to|comment and|confirmation befor|constraint and|content and|content as
-2 content is|contract and|conversation so|convert a|copy to|creat a|d <number>|dat of|dat tim|data from|de la
-2 de password|decision and|default if|depend on|describ what|description for|dictionary contain|did not|display to
-2 dns record|document from|document with|each match|email addres|env ia|everyth that|everyth the|explicit request
-2 fil befor|fil by|fil from|first <name>|first pag|first when|follow up|for <name>|for <number>|for approval
-2 for authentication|for every|for later|for most|for pag|for permission|for use|for which|fre text|from <number>
-2 from all|from an|generat an|git repository|giv you|go through|has already|has expir|hash are|hav not|http <number>
-2 id of|id return|id to|identification str|ids to|if <name>|if it|if one|if tru|if unspecifi|in dokploy|in markdown
-2 in minut|in their|in xero|into graphlit|ip addres|is about|is consider|is hidden|is irreversibl|is never|is return
-2 is typical|is unknown|is useful|is valid|it can|it may|it must|it only|it when|key in|key under|key valu|know the
-2 kontent ai|least one|leav it|left out|limit to|lin argument|lin that|mail addres|maximum number|may tak|memory bank
-2 messag an|messag that|messag to|method is|mm dd|model to|must be|must hav|nam of|natural languag|no longer|no mor
-2 not follow|not its|not notify|not use|number for|of birth|of the|of their|oldest first|only and|only for|only read
-2 only show|only work|option for|or in|or modify|order of|os version|other agent|other parameter|other than|pair and
-2 parameter to|pas to|password are|password de|payment request|pick the|plain text|previou answer|previou call
-2 privat not|prompt injection|provid a|provid as|put it|put the|query are|rank by|read all|read writ|reason the
-2 recipient and|refer to|register an|relativ to|request is|requir <name>|requir approval|respons contain|restor a
-2 result are|result set|return a|return only|root of|rotat the|row to|run a|run the|sam nam|search for|secret in|see a
-2 send an|send ein|send to|server offer|servic that|set of|shell command|should not|show what|shown to|sign in
-2 sourc and|specifi by|specify the|stack trac|step is|stop all|stor in|summaris the|support action|sur to|tak over
-2 tak som|task in|temperatur and|text search|text to|than one|that appear|that has|that hav|that is|that receiv
-2 that run|that was|the authenticat|the channel|the current|the devic|the documentation|the e|the format|the guest
-2 the history|the inbox|the instruction|the latest|the level|the link|the pag|the payload|the provid|the task
-2 the token|the web|the webhook|the workspac|their own|they can|thi cannot|thi has|thi helper|thought to|tim are
-2 to configur|to detect|to find|to fix|to look|to mak|to null|to provid|to put|to remember|to return|to review|to your
-2 today s|token limit|tool <name>|tool again|tool call|tool description|tool help|tool to|tool will|transaction is
-2 tru to|typ of|under which|up and|updat a|url <url>|url in|use for|use in|use it|use only|used in|user a|user account
-2 user confirm|user enter|user explicit|user mention|user nam|user prompt|user see|user the|user want|using any
-2 valu are|valu to|variabl <name>|variabl and|vs cod|wait until|wallet s|was sent|we are|well as|what is|when explicit
-2 when work|whenever the|whether a|why the|with optional|with user|within the|without being|without network
-2 without the|work in|writ a|writ your|written to|you don't|yyy mm
-3 <name> complet|<name> find|<name> user|<number> second|a given|a login|a one|a part|a record|a session|a shell
-3 a singl|a specifi|a task|a token|abov the|account that|addres of|agent should|agent that|all availabl|an addres
-3 an entry|an id|and <name>|and <number>|and insert|and never|and pas|and their|and you|are a|are ask|are hidden
-3 are kept|are list|are mark|are no|array of|as it|as markdown|associat with|at least|attach fil|attempt to|be call
-3 be in|be preced|be the|befor de|being ask|by an|by step|call <name>|call after|call fail|call first|call in|call thi
-3 cannot be|chang and|chang data|clipboard and|command in|command lin|complet the|configuration and|creat an
-3 default is|each request|endpoint to|erc <number>|error and|every other|expect output|explain the|fail with|field of
-3 fill in|for larg|for ten|for the|get all|giv a|graphlit knowledg|has set|hidden instruction|id from|if any|if not
-3 if they|in it|in second|in your|information about|instruction for|is ask|is encrypt|is open|is shown|is used|it at
-3 it has|it into|key and|key is|limit of|link to|mail to|may not|mcp server|mention the|messag for|must call
-3 not mention|not stor|noth was|nova poshta|of an|on or|only a|only onc|only use|or has|or mor|output is|pag and
-3 per minut|permission for|person in|play the|prefer thi|question about|relat to|remov a|rep with|request for
-3 request with|requir field|result to|retriev a|return its|return url|rul are|scan a|secret are|secret from|send a
-3 server for|server may|servic and|short and|should follow|shown in|sign a|sinc it|step by|stop a|str contain
-3 sub agent|submit it|text in|text into|than a|that all|that wer|the <name>|the bot|the certificat|the default
-3 the developer|the field|the gam|the merchant|the not|the owner|the project|the report|the reservation|the root
-3 the sav|the specifi|the target|thi tool|thi when|thi will|through the|to add|to chang|to complet|to continu
-3 to includ|to skip|to use|tool whenever|uniqu identifier|up with|use when|user so|user which|virtual machin|who hav
-3 with <name>|with <number>|work on|work with|your answer|your api|your reason|zur uck
-4 <name> list|a day|a human|a post|a servic|a tabl|account is|an account|an administrator|any other|any tim|arg <name>
-4 as they|be undon|befor first|call and|call of|check that|confirmation prompt|conversation to|data for|delet a
-4 doc <number>|e g|each step|every call|exampl of|execut a|first to|for mor|for security|full text|get user|has no
-4 history of|hom assistant|in one|in plain|instruction or|is kept|is mention|is recommend|is sent|its id|knowledg bas
-4 list all|list of|look up|not call|not contain|not hav|number of|on your|one of|or <name>|or other|overrid the|pas it
-4 pas the|password is|post request|question in|read only|rewrit the|s question|say noth|send messag|set <name>
-4 should be|simulat a|sourc in|start her|that need|that nobody|the acces|the cluster|the container|the exact
-4 the provider|the restaurant|the server|the workflow|their valu|token in|until it|use with|useful for|user ask
-4 user first|visibl to|without a|workflow is|you are|you must|your account
-5 a project|a repository|alway use|assistant s|at any|fil to|for each|for exampl|forget the|internal ids|is set
-5 not see|not that|one or|only call|outsid of|privat key|read from|read it|run thi|s own|set up|the confirmation
-5 the customer|the full|the limit|the login|the order|to an|to approv|to call|to load|tool for|use <name>|used for
-5 used to|user befor|user for|user must|user writ|valu is|with their
-6 a specific|add a|an exist|ask the|bas on|by its|doe not|everyth it|follow instruction|for a|from a|how to|if you
-6 in with|is log|is request|is stor|look for|mak sur|mor than|need a|not run|public key|result as|rul for|say so
-6 start of|the system|tool of|was found|when you|whether to|you need|you want
-7 are ignor|befor you|environment variabl|in a|instruction and|instruction that|it need|not shown|read the|return the
-7 show the|user and|user has
-8 a user|do not|tell the|the messag|to a|writ cod
-9 see the|such as
-10 a new|e mail|use thi
-11 the given
-12 of a
"""
